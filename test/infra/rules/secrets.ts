import { input, ofType, type Rule } from "./rule.ts";

const secretType = "aws:secretsmanager/secret:Secret";

export const secretRules: readonly Rule[] = [
  {
    id: "secrets-empty",
    title: "No secret gets its value from a deploy",
    securityHub: [],
    violations: (evaluation) =>
      ofType(evaluation, "aws:secretsmanager/secretVersion:SecretVersion").map(
        ({ name }) => `${name}: its value is in the state`,
      ),
  },
  {
    id: "secrets-recoverable",
    title: "A protected stage's secret stays, and can be brought back for a week or longer",
    securityHub: [],
    protectedOnly: true,
    violations: (evaluation) =>
      ofType(evaluation, secretType)
        .filter(
          (secret) =>
            Number(input(secret, "recoveryWindowInDays") ?? 30) < 7 ||
            !secret.options.protect ||
            !secret.options.retainOnDelete,
        )
        .map(({ name }) => `${name}: is gone at once`),
  },
];
