import type { StageSettings } from "../settings/schema.ts";
import { majorVersion } from "./versions.ts";

/** As much of an instance as matters here, as RDS says it. */
export type Candidate = {
  /** Name of the database inside; empty where RDS knows of none. */
  readonly dbName: string;
  readonly engine: string;
  readonly engineVersion: string;
  readonly masterUserSecrets: readonly unknown[];
  readonly publiclyAccessible: boolean;
  readonly vpcSecurityGroups: readonly string[];
};

type Wanted = {
  readonly network: Pick<StageSettings["network"], "existing">;
  readonly database: Pick<StageSettings["database"], "name">;
};

const versions = { first: 16, last: 18 } as const;

/**
 * What keeps an instance from being used by the stage. Pure.
 *
 * @param vpcId of its subnet group; undefined where it has none
 */
export function findAdoptionProblems(
  found: Candidate,
  vpcId: string | undefined,
  { network, database }: Wanted,
): string[] {
  const problems = [...instanceProblems(found), ...networkProblems(vpcId, network.existing?.vpcId)];
  if ((database.name ?? found.dbName) === "") {
    problems.push("RDS knows no database in it; set database.name to that which is to be used");
  }
  return problems;
}

function instanceProblems(found: Candidate): string[] {
  const { engine, engineVersion, publiclyAccessible, masterUserSecrets, vpcSecurityGroups } = found;
  if (engine !== "postgres") return [`its engine is ${engine}; expected postgres`];
  const major = Number(majorVersion(engineVersion));
  const problems: string[] = [];
  if (!(major >= versions.first && major <= versions.last)) {
    problems.push(`its version is ${engineVersion}; expected one from ${versions.first} to ${versions.last}`);
  }
  if (publiclyAccessible) problems.push("it is publicly accessible; expected a private one");
  if (vpcSecurityGroups.length === 0) problems.push("it has no security group; expected one of its VPC");
  if (masterUserSecrets.length === 0) {
    problems.push(
      "RDS does not manage its master password, which setup reads from RDS's secret; " +
        "turn it on with aws rds modify-db-instance --manage-master-user-password",
    );
  }
  return problems;
}

function networkProblems(vpcId: string | undefined, expected: string | undefined): string[] {
  if (vpcId === undefined) return ["it is in no VPC"];
  return vpcId === expected ? [] : [`it is in ${vpcId}; expected ${expected}, the stage's VPC`];
}
