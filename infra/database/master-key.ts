/**
 * The key of the account's own that encrypts the master's secret of an instance, as an ARN: whoever reads the secret needs
 * it, too. Undefined with AWS's own key of Secrets Manager, which lets in who may read the secret.
 *
 * @throws Error of AWS, when whoever deploys may not look at the key (`kms:DescribeKey`)
 */
export async function findMasterKey({ masterUserSecrets }: aws.rds.GetInstanceResult): Promise<string | undefined> {
  const keyId = masterUserSecrets[0]?.kmsKeyId ?? "";
  if (keyId === "") return undefined;
  // RDS names AWS's own key like any other; and a policy takes no alias, which RDS may name, too.
  const { arn, keyManager } = await aws.kms.getKey({ keyId });
  return keyManager === "CUSTOMER" ? arn : undefined;
}
