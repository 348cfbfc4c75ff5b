import type { AwsService } from "./protocol.ts";
import { queryService } from "./query-protocol.ts";

export function stsService({ accountId }: { readonly accountId: string }): AwsService {
  return queryService({
    signingName: "sts",
    version: "2011-06-15",
    namespace: "https://sts.amazonaws.com/doc/2011-06-15/",
    operations: {
      GetCallerIdentity: () => ({
        Arn: `arn:aws:iam::${accountId}:user/local`,
        UserId: "local",
        Account: accountId,
      }),
    },
  });
}
