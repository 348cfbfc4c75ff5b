import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import { connect } from "#lib/postgres/connect.ts";
import { readCaFile } from "#lib/postgres/tls.ts";
import { createSecretReader } from "#lib/stage/secrets.ts";
import { unwritable } from "../files/data-folder.ts";
import { removePostgresData } from "../postgres/home.ts";
import { type LocalStage, startLocalStage } from "./stage.ts";
import { createStepRunner, type Step } from "./steps.ts";

export type CheckOptions = {
  readonly root: string;
  readonly requestedBy: string;
  readonly onStep: (step: Step) => void;
  readonly signal: AbortSignal;
};

/** `postern local --check --json`. */
export type CheckResult = { readonly ok: boolean; readonly steps: readonly Step[] };

/**
 * Brings a whole local stage up on free ports in a temporary folder, queries its database through the tunnel, and takes it
 * down again, whatever happened: nothing is left.
 *
 * @returns the steps up to the first that failed, and the teardown
 * @throws PosternError `data.unwritable` without a temporary folder; `aborted`, after the teardown
 */
export async function checkLocalStage(options: CheckOptions): Promise<CheckResult> {
  const { root, requestedBy, signal } = options;
  const steps: Step[] = [];
  const onStep = (step: Step) => {
    steps.push(step);
    options.onStep(step);
  };
  const runStep = createStepRunner(systemClock, onStep);
  const folder = await makeTemporaryFolder();
  // mkdtemp makes it private; root's PostgreSQL runs as someone who must pass through.
  if (process.getuid?.() === 0) await chmod(folder, 0o711);
  const dataDir = join(folder, "local");

  let stage: LocalStage | undefined;
  try {
    const ports = { database: 0, aws: 0, health: 0 };
    stage = await startLocalStage({ root, dataDir, ports, durable: false, requestedBy, onStep, signal });
    const running = stage;
    await runStep("tunnel", async () => queryThroughTunnel(running, signal), "ssm: through the stage's own bastion");
  } catch (error) {
    // A failure outside of any step is not in the list yet.
    if (!signal.aborted && steps.every(({ ok }) => ok)) throw error;
  } finally {
    await runStep("teardown", async () => {
      await stage?.[Symbol.asyncDispose]();
      await removePostgresData(join(dataDir, "postgres"));
      await rm(folder, { recursive: true, force: true });
    }).catch(() => {}); // It is in the list.
  }
  signal.throwIfAborted();
  return { ok: steps.every(({ ok }) => ok), steps };
}

async function makeTemporaryFolder(): Promise<string> {
  try {
    return await mkdtemp(join(tmpdir(), "postern-check-"));
  } catch (error) {
    const { message } = unwritable(tmpdir(), error, "temporary folder");
    const hint = "Name a folder that this user can write to in TMPDIR.";
    throw new PosternError("data.unwritable", message, { hint, cause: error });
  }
}

/**
 * Opens a tunnel by what the manifest says, as the command line does; logs in with the application's secret, verified in
 * full, and reads what the seeds wrote.
 */
async function queryThroughTunnel({ access, manifest, database }: LocalStage, signal: AbortSignal): Promise<void> {
  const { fetchSecretText } = await import("#lib/stage/secrets-manager.ts");
  const reader = createSecretReader({ fetchText: async (id) => fetchSecretText(id, access) });
  const { username, password } = await reader.read(manifest.secrets.app ?? "");
  const ca = await readCaFile(database.caFile);
  const { host, port, name } = manifest.database;
  const [{ Tunnel }, { ssmTransport }] = await Promise.all([
    import("#lib/tunnel/tunnel.ts"),
    import("#lib/tunnel/ssm/transport.ts"),
  ]);
  const transport = ssmTransport({
    target: manifest.bastions[0] ?? "",
    ...(manifest.tunnel === undefined ? {} : { documentName: manifest.tunnel.documentName }),
    host,
    port,
    access,
  });
  await using tunnel = await Tunnel.connect({ transport, maxRetries: 2 }, signal);
  await using connection = await connect(
    {
      host: tunnel.host,
      port: tunnel.port,
      servername: host,
      database: name,
      user: username,
      password,
      sslMode: "verify-full",
      ca,
    },
    { applicationName: "postern local --check", signal },
  );
  const { rows } = await connection.client.query<{ found: boolean }>("select exists (select from orders) as found");
  if (rows[0]?.found !== true) throw new PosternError("seed.failed", "The table orders is empty after seeding.");
}
