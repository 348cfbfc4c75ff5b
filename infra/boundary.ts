import { accessPath, boundaryName, stageRolePath } from "#lib/contract.ts";

const role = "aws:iam/role:Role";
const profile = "aws:iam/instanceProfile:InstanceProfile";

/**
 * Puts every role of the stage under the access baseline's boundary, and below the stage's path, also those that SST's components
 * make: whoever deploys from CI may make a role nowhere else. Call it before the first resource is declared.
 *
 * A role with a path of its own, which is below the stage's, keeps it.
 */
export function putRolesUnderBoundary(stage: string): void {
  const { accountId } = aws.getCallerIdentityOutput();
  const { partition } = aws.getPartitionOutput();
  const permissionsBoundary = $interpolate`arn:${partition}:iam::${accountId}:policy${accessPath}${boundaryName}`;
  $util.runtime.registerStackTransformation(({ type, props, opts }) => {
    if ((type !== role && type !== profile) || opts.id !== undefined) return undefined;
    const place = { ...props, path: (props["path"] as string | undefined) ?? stageRolePath(stage) };
    return { props: type === role ? { ...place, permissionsBoundary } : place, opts };
  });
}
