import type { ProbeReport } from "#lib/protocol.ts";
import type { VerdictCode } from "../verdicts.ts";

/**
 * What cannot work while something is as AWS says that it is:
 *
 * - `tunnel`: sessions with a bastion · `bastion-to-database`: from there on
 * - `way-out`: functions in private subnets reach no API of AWS, so no secret either
 * - `inspect-to-database`, `inspect-to-proxy`: the walks from inside · `others-to-database`: other parts of the stage, which no walk takes
 * - `database`: it answers nobody · `writes`: it takes none
 * - `proxy`: applications, and health
 */
export type Broken =
  | "tunnel"
  | "bastion-to-database"
  | "way-out"
  | "inspect-to-database"
  | "inspect-to-proxy"
  | "others-to-database"
  | "database"
  | "writes"
  | "proxy";

/** The questions to AWS, each a probe of the report. */
export type AwsProbeName =
  | "identity"
  | "instances"
  | "addresses"
  | "routes"
  | "security-groups"
  | "agents"
  | "database"
  | "events"
  | "proxy"
  | "proxy-target"
  | "proxy-secrets"
  | "proxy-log";

export type AwsProbe = ProbeReport & { readonly name: AwsProbeName; readonly vantage: "aws" };

/** Something in AWS is not as the stage needs it. */
export type Finding = {
  readonly code: Extract<VerdictCode, `aws.${string}` | "proxy.missing-secret">;
  readonly probe: AwsProbeName;
  /** Names the resource, what it is and what was expected. */
  readonly evidence: string;
  /** What mends this one, where that is not what the verdict's table says. */
  readonly fix?: string;
  readonly breaks: readonly Broken[];
};
