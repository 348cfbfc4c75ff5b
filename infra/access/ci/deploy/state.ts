import { appName, manifestParameterName } from "#lib/contract.ts";
import { arn } from "../../arn.ts";
import { bucketArn, ofStages, type Scope } from "../place.ts";
import type { Statement } from "../../statement.ts";

/**
 * SST's own: the parameter that says where its bucket is, the stages' passphrases and their part of the state. The bucket has
 * to be there: an administrator's first `npx sst` in a region makes it.
 *
 * State is `<kind>/<app>/<stage>.json` or below `<kind>/<app>/<stage>/`:
 * https://github.com/anomalyco/sst/blob/dev/pkg/project/provider/aws.go (`pathForData`, `pathForPassphrase`)
 */
export function mayKeepState(scope: Scope): readonly Statement[] {
  const { account, stages } = scope;
  // SST gives the bucket a name by chance, and anybody may have one that begins so.
  const inOwnAccount = { StringEquals: { "aws:ResourceAccount": account.id } };
  const files = stages.flatMap((stage) => [`*/${appName}/${stage}.json`, `*/${appName}/${stage}/*`]);
  return [
    {
      Sid: "FindState",
      Effect: "Allow",
      Action: ["ssm:GetParameter"],
      Resource: arn(account, "ssm", "parameter/sst/bootstrap"),
    },
    {
      // Without the right to list, S3 answers 403 for what is not there, which SST takes for a failure.
      Sid: "ListState",
      Effect: "Allow",
      Action: ["s3:ListBucket", "s3:GetBucketLocation"],
      Resource: bucketArn(account, "sst-state-*"),
      Condition: inOwnAccount,
    },
    {
      Sid: "KeepState",
      Effect: "Allow",
      Action: ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
      Resource: files.map((file) => bucketArn(account, `sst-state-*/${file}`)),
      Condition: inOwnAccount,
    },
    {
      Sid: "Passphrase",
      Effect: "Allow",
      Action: ["ssm:GetParameter", "ssm:PutParameter"],
      Resource: ofStages(scope, "ssm", (stage) => `parameter/sst/passphrase/${appName}/${stage}`),
    },
    {
      Sid: "Manifest",
      Effect: "Allow",
      Action: [
        "ssm:GetParameter",
        "ssm:GetParameters",
        "ssm:PutParameter",
        "ssm:DeleteParameter",
        "ssm:AddTagsToResource",
        "ssm:RemoveTagsFromResource",
        "ssm:ListTagsForResource",
      ],
      Resource: ofStages(scope, "ssm", (stage) => `parameter${manifestParameterName(stage)}`),
    },
  ];
}
