import { accountIds, type Target } from "../row.ts";
import { inDevelopment } from "../targets.ts";

/** As keys are made: the account's own policies say who may use it. */
export const key: Target = {
  ...inDevelopment("key", "kms", "key/1a2b"),
  policy: {
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: { AWS: `arn:aws:iam::${accountIds.development}:root` },
        Action: "kms:*",
        Resource: "*",
      },
    ],
  },
};
