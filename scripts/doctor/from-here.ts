import type { DoctorReport } from "#lib/protocol.ts";
import type { CommandContext } from "../command-context.ts";
import type { StageTarget } from "../target.ts";

/** The walk through a session on the bastion, as the role that only reads. */
export async function fromHere(stage: StageTarget, { signal, env }: CommandContext): Promise<DoctorReport> {
  // Loaded here: --url needs none of it.
  const [{ examineThrough }, { databaseLogin }, { findStageAuthorities }, { makeTransport }] = await Promise.all([
    import("#lib/doctor/through-transport.ts"),
    import("#lib/stage/database-login.ts"),
    import("#lib/stage/database-authorities.ts"),
    import("../tunnel/make-transport.ts"),
  ]);
  const { manifest, access } = stage;
  const { database } = manifest;
  const { host, port, name } = database;
  const login = databaseLogin(manifest, "readonly", access);
  const destination = { kind: "stage", name: manifest.stage, database: { host, port }, access, stage } as const;
  const transport = await makeTransport(destination, { transport: "ssm", engine: "native" }, env);
  const readAddress = async () => {
    const [password, ca] = await Promise.all([login.password(), findStageAuthorities(host, access.databaseCaFile)]);
    return { host, port, database: name, user: login.user, password, sslMode: "verify-full", ca } as const;
  };
  return await examineThrough({ transport, readAddress, signal });
}
