import { createWriteStream } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, elapsedMs, systemClock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import { buildFunctions } from "#lib/bundle/build.ts";
import { localStageName, type Manifest, proxyName } from "#lib/contract.ts";
import type { AwsAccess } from "#lib/stage/aws-access.ts";
import { createLogStore } from "../aws/log-store.ts";
import { createFolderObjectStore } from "../aws/objects.ts";
import { claimFolder, explainStorage, isClaimed, unwritable } from "../files/data-folder.ts";
import { assertPortFree, loopback } from "../net/free-port.ts";
import { removePostgresData } from "../postgres/home.ts";
import { clearLeftoverPostgres } from "../postgres/leftover.ts";
import { ensureMaster } from "../postgres/master.ts";
import { startPausableServer } from "../postgres/pausable-server.ts";
import { startProxyRelay } from "../proxy/relay.ts";
import type { Exit } from "../process/warded-process.ts";
import type { StageFacts } from "./description.ts";
import { openBreaking } from "./breaks/open-breaking.ts";
import { openAws, openFunctions, openGateway, portFlags, publishStage } from "./parts.ts";
import { openProxyLog } from "./proxy-log.ts";
import { lockStage, refuseRunningStage } from "./run-file.ts";
import { openStageSecrets, readPassword } from "./secrets.ts";
import { allOrCallOff, createStepRunner, type Step } from "./steps.ts";

export type LocalStageOptions = {
  /** Folder of package.json, `functions/` and `migrations/`. */
  readonly root: string;
  readonly dataDir: string;
  /** 0: any free one. */
  readonly ports: StagePorts;
  /** Danger: removes all data of the stage first. Default false. */
  readonly fresh?: boolean;
  /** Danger: false may lose the data when the machine crashes. Default true. */
  readonly durable?: boolean;
  /** For the ledger. */
  readonly requestedBy: string;
  readonly onStep: (step: Step) => void;
  /** Gives up starting; a stage that has started is not concerned. */
  readonly signal: AbortSignal;
  readonly clock?: Clock;
};

export type StagePorts = { readonly database: number; readonly aws: number; readonly health: number };

export type LocalStage = AsyncDisposable & {
  readonly dataDir: string;
  readonly manifest: Manifest;
  readonly access: AwsAccess;
  readonly awsUrl: string;
  readonly healthUrl: string;
  readonly database: StageFacts["database"];
  readonly passwordFile: string;
  /** From the call to a green health. */
  readonly ms: number;
  /** Settles when the database has ended, whoever ended it; one that the control plane has stopped has not. */
  readonly databaseExited: Promise<Exit>;
};

const region = "local";
const databaseName = "postern";
const seedSets = ["reference", "demo"] as const;

/**
 * Starts the local stage: the deployed bundles under AWS's own runtime client, a real PostgreSQL, and an endpoint that
 * speaks as much AWS as Postern uses.
 *
 * 1. Refuse when a stage runs on this data folder.
 * 2. Where the folder is ours already: lock it, and stop the database of an earlier start that was killed.
 * 3. Refuse when a port is taken, or the folder holds what is not ours. Nothing else is changed until here.
 * 4. Lock the data folder; remove what a killed start left half made and, with `fresh`, the data.
 * 5. Open the secrets and the AWS endpoint; start the database with its master while the bundles are built.
 * 6. Start the functions, the health URL and the session gateway; publish the manifest; write `aws.json`, by which `--stage local` finds it, and `control.json`, by which it is broken.
 * 7. Through that endpoint, as the command line does with any stage: setup, migrate, seed, health.
 *
 * After a failure nothing runs: everything that was opened is closed again, last first, and the lock is free. The data stays
 * as far as it got; each step can be repeated, and the next start does. Disposing does the same. kill -9 leaves `run.json`,
 * `aws.json` and `control.json`, which the next start recognizes as stale, and no process: each part notices that we are gone.
 *
 * @throws PosternError `stage.running`, `port.taken`, `data.unwritable`, and whatever a step throws
 */
export async function startLocalStage(options: LocalStageOptions): Promise<LocalStage> {
  try {
    return await start(options);
  } catch (error) {
    throw await explainStorage(options.dataDir, error);
  }
}

async function start(options: LocalStageOptions): Promise<LocalStage> {
  const { dataDir, ports, clock = systemClock } = options;
  const startMs = clock.nowMs();
  await using opened = new AsyncDisposableStack();
  const takeLock = async () => {
    await claimFolder(dataDir);
    return opened.use(await lockStage(dataDir).catch((error: unknown) => Promise.reject(unwritable(dataDir, error))));
  };

  await refuseRunningStage(dataDir);
  const earlyLock = (await isClaimed(dataDir)) ? await takeLock() : undefined;
  if (earlyLock !== undefined) await clearLeftoverPostgres(join(dataDir, "postgres"), clock, options.signal);
  for (const part of ["database", "aws", "health"] as const) {
    if (ports[part] !== 0) await assertPortFree(ports[part], portFlags[part]);
  }
  const lock = earlyLock ?? (await takeLock());

  await removeHalfMade(dataDir);
  if (options.fresh === true) await removeStageData(dataDir);
  const stage = await startParts(options, opened, clock);
  await lock.publish({
    database: `${stage.database.host}:${stage.database.port}`,
    aws: stage.awsUrl,
    health: stage.healthUrl,
  });
  const owned = opened.move();
  return { ...stage, ms: elapsedMs(clock, startMs), [Symbol.asyncDispose]: async () => owned.disposeAsync() };
}

/** What a start that was killed while it built left behind; the lock says that nobody builds now. */
async function removeHalfMade(dataDir: string): Promise<void> {
  const names = (await readdir(dataDir)).filter((name) => name.startsWith(".bundles-"));
  await Promise.all(names.map(async (name) => rm(join(dataDir, name), { recursive: true, force: true })));
}

/** Danger: removes what a stage keeps, and nothing else that may be in the folder. */
async function removeStageData(dataDir: string): Promise<void> {
  await removePostgresData(join(dataDir, "postgres"));
  for (const name of ["secrets.json", "pgpass", "bundles", "s3"]) {
    await rm(join(dataDir, name), { recursive: true, force: true });
  }
}

type Parts = Omit<LocalStage, "ms" | typeof Symbol.asyncDispose>;

async function startParts(options: LocalStageOptions, opened: AsyncDisposableStack, clock: Clock): Promise<Parts> {
  const { root, dataDir, ports, requestedBy } = options;
  const runStep = createStepRunner(clock, options.onStep, async (error) => explainStorage(dataDir, error));
  const callOff = new AbortController();
  const signal = AbortSignal.any([options.signal, callOff.signal]);
  const logTo = (name: string) => openLog(join(dataDir, name), opened);
  // Loading the AWS clients takes a fifth of a second, which the database needs anyway.
  const work = import("./work.ts");

  const secrets = await openStageSecrets({
    dataDir,
    stage: localStageName,
    host: loopback,
    database: databaseName,
    now: clock.wallTime(),
  });
  const objects = createFolderObjectStore(join(dataDir, "s3"));
  const logs = createLogStore();
  const aws = await openAws({
    port: ports.aws,
    region,
    secrets,
    objects,
    logs,
    onLog: logTo("aws.log"),
    opened,
    clock,
  });
  const database = runStep("database", async () => {
    const pausable = opened.use(
      await startPausableServer({
        dataDir: join(dataDir, "postgres"),
        port: ports.database,
        portFlag: portFlags.database,
        durable: options.durable ?? true,
        onLog: logTo("postgres.log"),
        signal,
        clock,
      }),
    );
    const password = await readPassword(secrets, localStageName, "master");
    await ensureMaster({ server: pausable.server, database: databaseName, password, signal });
    return pausable;
  });
  const bundles = runStep("bundles", () => buildFunctions({ root, outDir: join(dataDir, "bundles"), signal }));
  await allOrCallOff([database, bundles], callOff);

  const pausable = await database;
  const { server } = pausable;
  const built = await bundles;
  const onEvent = openProxyLog({ proxy: proxyName(localStageName), logs, resources: () => aws.model.read(), clock });
  const proxy = opened.use(await startProxyRelay(server, { onEvent }));
  const facts: StageFacts = {
    stage: localStageName,
    region,
    database: {
      host: server.host,
      port: server.port,
      name: databaseName,
      caFile: server.caFile,
      version: server.version,
    },
    proxy: { host: proxy.host, port: proxy.port },
    aws: { url: aws.endpoint.url, ...aws.functionCredentials },
  };
  const healthUrl = await runStep("functions", async () => {
    const onLine = logTo("functions.log");
    return openFunctions({ facts, bundles: built.parts, aws, port: ports.health, onLine, opened, clock });
  });
  const access = await runStep("aws", async () => {
    const gateway = await openGateway({ facts, aws, onLog: logTo("sessions.log"), opened, clock });
    const published = await publishStage({ facts, bundle: built.info, healthUrl, aws, dataDir, opened, clock });
    await openBreaking({
      facts,
      aws,
      gateway,
      database: pausable,
      proxy,
      dataDir,
      onLog: logTo("breaks.log"),
      opened,
      clock,
    });
    return published;
  });

  const { openStageWork } = await work;
  const stageWork = await openStageWork({ stage: localStageName, access, requestedBy, signal });
  await runStep("setup", async () => stageWork.setup());
  await runStep("migrate", async () => stageWork.migrate());
  await runStep("seed", async () => {
    for (const set of seedSets) await stageWork.seed(set);
  });
  await runStep("health", async () => {
    await stageWork.health();
    await assertPublicHealth(healthUrl, signal);
  });
  return {
    dataDir,
    manifest: stageWork.manifest,
    access,
    awsUrl: aws.endpoint.url,
    healthUrl,
    database: facts.database,
    passwordFile: secrets.passwordFile,
    databaseExited: pausable.exited,
  };
}

/** The function may be well while its URL is not. */
async function assertPublicHealth(healthUrl: string, signal: AbortSignal): Promise<void> {
  const response = await fetch(`${healthUrl}/api/health`, { signal });
  await response.body?.cancel();
  if (response.ok) return;
  throw new PosternError("internal", `The health URL answers with status ${response.status}, though health is ok.`);
}

/** The log of this start, for its owner alone. */
function openLog(path: string, opened: AsyncDisposableStack): (line: string) => void {
  const stream = createWriteStream(path, { mode: 0o600 });
  // A full disk must not end the stage: the log is for reading along.
  stream.on("error", () => {});
  opened.defer(async () => {
    await new Promise((resolve) => {
      stream.end(resolve);
    });
  });
  return (line) => void stream.write(`${line}\n`);
}
