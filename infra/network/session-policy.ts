import type { Statement } from "../roles.ts";

/**
 * What the SSM agent needs to carry sessions, and no more: it registers the instance and opens the channels. AWS takes no
 * resource for these actions.
 *
 * Not `AmazonSSMManagedInstanceCore`: that may also read every parameter of the account, SST's passphrase among them.
 * https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-create-iam-instance-profile.html
 */
export const carrySessions: Statement = {
  Sid: "CarrySessions",
  Action: [
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
  ],
  Resource: "*",
};
