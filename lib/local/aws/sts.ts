import type { AwsService } from "./protocol.ts";
import { queryService } from "./query-protocol.ts";

export function stsService(options: { readonly accountId: string; readonly userName: string }): AwsService {
  const { accountId, userName } = options;
  return queryService({
    signingName: "sts",
    version: "2011-06-15",
    namespace: "https://sts.amazonaws.com/doc/2011-06-15/",
    operations: {
      GetCallerIdentity: () => ({
        Arn: `arn:aws:iam::${accountId}:user/${userName}`,
        UserId: userName,
        Account: accountId,
      }),
    },
  });
}
