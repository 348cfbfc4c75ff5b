/** What was examined, as far as it is known without asking anybody: what the path is drawn of. */
export type ReportTarget = {
  /** For people, as `stage dev`. */
  readonly name: string;
  /** Of the database; absent where nobody said. */
  readonly host?: string;
  readonly port?: number;
  /**
   * How it is reached from here. Absent: right from here, and what answers at the port may be a tunnel's end; of a stage, that
   * nothing leads there.
   */
  readonly transport?: "ssm" | "ssh" | "direct";
  /** Of AWS; absent where that has no part in it. */
  readonly region?: string;
  /** Whether it was to be looked at from inside the VPC, too. */
  readonly isStage: boolean;
  /** Where the stage has an RDS Proxy. */
  readonly proxyHost?: string;
};
