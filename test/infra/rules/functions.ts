import type { Evaluation, RecordedResource } from "../../support/sst/recorded.ts";
import { functionEnv } from "#lib/contract.ts";
import { input, isPrivateSubnet, ofType, type Rule } from "./rule.ts";
import { findSecrets, knownSecrets } from "./secret-values.ts";
import { texts } from "./statements.ts";

/** Functions that anybody may call, with the reason. */
const publicFunctions: Readonly<Record<string, string>> = {
  HealthFunction: "answers health checks of whoever watches the stage; says nothing but ok, degraded or down",
};

function functions(evaluation: Evaluation): RecordedResource[] {
  return ofType(evaluation, "aws:lambda/function:Function");
}

function groupsOf(lambda: RecordedResource): string[] {
  return texts(input(lambda, "vpcConfig", "securityGroupIds"));
}

function urls(evaluation: Evaluation): RecordedResource[] {
  return ofType(evaluation, "aws:lambda/functionUrl:FunctionUrl");
}

/** A service of AWS, for something of the account; a service that is not told whose it acts for acts for anybody. */
function isWithinAccount(permission: RecordedResource): boolean {
  const isService = String(input(permission, "principal")).endsWith(".amazonaws.com");
  return isService && (input(permission, "sourceArn") ?? input(permission, "sourceAccount")) !== undefined;
}

/** A function that anybody may call is called through its URL: who invokes it himself is told more. */
function isOfPublicUrl(one: RecordedResource): boolean {
  if (!one.options.dependsOn.some((name) => Object.hasOwn(publicFunctions, name))) return false;
  switch (input(one, "action")) {
    case undefined:
      return one.type === "aws:lambda/functionUrl:FunctionUrl";
    case "lambda:InvokeFunctionUrl":
      return input(one, "functionUrlAuthType") === "NONE";
    case "lambda:InvokeFunction":
      return input(one, "invokedViaFunctionUrl") === true;
    default:
      return false;
  }
}

const known: readonly string[] = Object.values(functionEnv);

export const functionRules: readonly Rule[] = [
  {
    id: "functions-apart",
    title: "Every function is in private subnets of two zones or more, in a security group of its own",
    securityHub: ["Lambda.3", "Lambda.5"],
    violations: (evaluation) => {
      const all = functions(evaluation);
      return all.flatMap((lambda) => {
        const subnets = texts(input(lambda, "vpcConfig", "subnetIds"));
        const others = new Set(all.filter((other) => other !== lambda).flatMap(groupsOf));
        const isPrivate = subnets.every((subnet) => isPrivateSubnet(subnet));
        const problems: string[] = [];
        if (subnets.length < 2 || !isPrivate) problems.push(`${lambda.name}: is in the subnets ${subnets.join()}`);
        const own = groupsOf(lambda);
        if (own.length !== 1 || own.some((group) => others.has(group)))
          problems.push(`${lambda.name}: shares its group`);
        return problems;
      });
    },
  },
  {
    id: "functions-not-public",
    title: "Nobody outside of the account may call a function",
    securityHub: ["Lambda.1"],
    exceptions: publicFunctions,
    violations: (evaluation) =>
      [
        ...ofType(evaluation, "aws:lambda/permission:Permission").filter((one) => !isWithinAccount(one)),
        ...urls(evaluation).filter((url) => input(url, "authorizationType") !== "AWS_IAM"),
      ]
        .filter((one) => !isOfPublicUrl(one))
        .map(({ name }) => `${name}: opens a function to everybody`),
  },
  {
    id: "functions-public-capped",
    title: "A function with a URL may run so many times at once, and no more",
    securityHub: [],
    exceptions: {
      HealthFunction:
        'with `health.concurrency: "none"`, for accounts that can reserve none: the URL may then use up what the runner needs',
    },
    violations: (evaluation) =>
      urls(evaluation)
        .flatMap(({ options }) => functions(evaluation).filter(({ name }) => options.dependsOn.includes(name)))
        .filter((lambda) => !(Number(input(lambda, "reservedConcurrentExecutions")) > 0))
        .map(({ name }) => `${name}: takes all the concurrency that the account has`),
  },
  {
    id: "functions-no-cors",
    title: "No page of another site may read a function's answer",
    securityHub: [],
    violations: (evaluation) =>
      urls(evaluation)
        .filter((url) => input(url, "cors") !== undefined)
        .map(({ name }) => `${name}: lets other sites in`),
  },
  {
    id: "functions-current",
    title: "Functions run on a supported Node, on Graviton",
    securityHub: ["Lambda.2"],
    violations: (evaluation) =>
      functions(evaluation)
        .filter(
          (lambda) =>
            input(lambda, "runtime") !== "nodejs24.x" || texts(input(lambda, "architectures")).join() !== "arm64",
        )
        .map(({ name }) => `${name}: runs on something else`),
  },
  {
    id: "functions-runner-once",
    title: "A run begins within a minute or not at all, and never a second time",
    securityHub: [],
    violations: (evaluation) => {
      const configs = ofType(evaluation, "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig");
      return functions(evaluation)
        .filter(({ name }) => name.startsWith("Runner"))
        .filter(
          ({ name }) =>
            !configs.some(
              (config) =>
                config.options.dependsOn.includes(name) &&
                input(config, "maximumRetryAttempts") === 0 &&
                input(config, "maximumEventAgeInSeconds") === 60,
            ),
        )
        .map(({ name }) => `${name}: is tried again, or hours later`);
    },
  },
  {
    id: "functions-environment",
    title: "A function is told what the contract names, and no secret",
    securityHub: [],
    violations: (evaluation) =>
      functions(evaluation).flatMap((lambda) => {
        const unknown = Object.keys(input(lambda, "environment", "variables") ?? {}).filter(
          (key) => !known.includes(key),
        );
        const marked = lambda.secretInputs.filter((path) => path.startsWith("environment"));
        const found = findSecrets(input(lambda, "environment", "variables"), knownSecrets(evaluation));
        return [...unknown, ...marked, ...found].map((what) => `${lambda.name}: has ${what}`);
      }),
  },
  {
    id: "functions-logs-kept",
    title: "Logs of functions and tasks are kept for a year on protected stages",
    securityHub: ["CloudWatch.16"],
    protectedOnly: true,
    violations: (evaluation) =>
      ofType(evaluation, "aws:cloudwatch/logGroup:LogGroup")
        .filter(({ name }) => /^(?:Runner|Inspect|Health|LongRun)/.test(name))
        .filter((log) => !(Number(input(log, "retentionInDays")) >= 365))
        .map(({ name }) => `${name}: is not kept for a year`),
  },
  {
    id: "outputs-no-secrets",
    title: "A deploy shows no secret",
    securityHub: [],
    violations: (evaluation) => {
      const secrets = knownSecrets(evaluation);
      return Object.entries(evaluation.outputs)
        .filter(([name, { value, isSecret }]) => isSecret || findSecrets({ [name]: value }, secrets).length > 0)
        .map(([name]) => `${name}: is a secret`);
    },
  },
];
