import type { DoctorReport } from "#lib/protocol.ts";
import type { CommandContext } from "../command-context.ts";
import type { StageTarget } from "../target.ts";
import type { StageDestination } from "../tunnel/destination.ts";
import type { TransportFlags } from "../tunnel/transport-options.ts";
import { nobody, type Observer } from "./observer.ts";

/**
 * The walk from here to a stage's database, through the transport that the flags name, as the role that only reads. Undefined where
 * nothing leads there: a stage may do without a bastion.
 */
export async function fromHere(
  stage: StageTarget,
  flags: TransportFlags,
  { signal, env }: CommandContext,
  { onStep, onSecret }: Observer = nobody,
): Promise<DoctorReport | undefined> {
  const { manifest, access } = stage;
  if (flags.transport === "ssm" && (manifest.tunnel === undefined || manifest.bastions.length === 0)) return undefined;
  // Loaded here: --url needs none of it.
  const [{ examineThrough }, { databaseLogin }, { findStageAuthorities }, { makeTransport }] = await Promise.all([
    import("#lib/doctor/through-transport.ts"),
    import("#lib/stage/database-login.ts"),
    import("#lib/stage/database-authorities.ts"),
    import("../tunnel/make-transport.ts"),
  ]);
  const { host, port, name } = manifest.database;
  const login = databaseLogin(manifest, "readonly", access);
  const destination: StageDestination = {
    kind: "stage",
    name: manifest.stage,
    database: { host, port },
    access,
    stage,
  };
  const transport = await makeTransport(destination, flags, env);
  const readAddress = async () => {
    const [password, ca] = await Promise.all([login.password(), findStageAuthorities(host, access.databaseCaFile)]);
    onSecret(password);
    return { host, port, database: name, user: login.user, password, sslMode: "verify-full", ca } as const;
  };
  return await examineThrough({ transport, readAddress, signal, onStep: (step) => onStep("here", step) });
}
