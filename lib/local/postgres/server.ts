import { join } from "node:path";
import { type Clock, systemClock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import { writeWhole } from "#lib/base/private-file.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { assertPortFree, findFreePort, loopback, portTaken } from "../net/free-port.ts";
import { findServerUser, type ServerUser } from "../process/unprivileged-user.ts";
import { type Exit, startWardedProcess, type WardedProcess } from "../process/warded-process.ts";
import { findPostgresBinaries, type PostgresBinaries, type PostgresMajor } from "./binaries.ts";
import { ensureCluster, serverEnv, superuser } from "./cluster.ts";
import { clusterPath, openPostgresHome, type PostgresHome } from "./home.ts";
import { clearLeftoverPostgres } from "./leftover.ts";
import { ensureServerIdentity } from "./server-identity.ts";

export type PostgresServerOptions = {
  /** Made when it is missing; everything of the server stays in it between starts. */
  readonly dataDir: string;
  /** 0: any free one. */
  readonly port: number;
  /** What chooses the port, for messages. Default `--port`. */
  readonly portFlag?: string;
  /** Default 18. */
  readonly version?: PostgresMajor;
  /** `required` (default): no connection without TLS. `off`: the server offers none. */
  readonly tls?: "required" | "off";
  /** Names in the server certificate besides localhost, 127.0.0.1 and ::1. */
  readonly names?: readonly string[];
  /** Danger: false may lose the data when the machine crashes; for data that nobody keeps. Default true. */
  readonly durable?: boolean;
  /** More settings of postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Every line of the server's log. */
  readonly onLog?: (line: string) => void;
  /** Gives up starting; a server that has started is not concerned. */
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
};

export type PostgresServer = AsyncDisposable & {
  readonly host: typeof loopback;
  readonly port: number;
  readonly superuser: string;
  readonly password: string;
  /** The authority that signed the server's certificate. */
  readonly caPem: string;
  readonly caFile: string;
  readonly version: PostgresMajor;
  readonly dataDir: string;
  /** True when this start made the cluster. */
  readonly created: boolean;
  readonly pid: number;
  /** Settles when the server has ended, whoever ended it. */
  readonly exited: Promise<Exit>;
  /** Ends it in good order (SIGINT; SIGQUIT when that takes too long) and waits for it. */
  readonly stop: () => Promise<void>;
};

/** The server as its superuser reaches it. */
export function superuserAddress(
  server: Pick<PostgresServer, "password" | "caPem" | "superuser"> & { readonly host: string; readonly port: number },
): DatabaseAddress {
  const { host, port, superuser: user, password, caPem } = server;
  return { host, port, database: "postgres", user, password, sslMode: "verify-full", ca: [caPem] };
}

const defaults = { version: 18 } as const;
/** A server that crashed may have much to recover. */
const startTimeoutMs = 60_000;
const portAttempts = 5;

/**
 * Starts a real PostgreSQL on the loopback interface, of this process and of nobody else: when this process ends, even by
 * kill -9, the server does (see `warden.ts`). It never runs as root, and lets in only SCRAM-SHA-256, only over TLS.
 *
 * 1. Clear what an earlier start left behind.
 * 2. Find the port free, unless any will do.
 * 3. Choose the user to run as, and open the folders for that user.
 * 4. Find the programs; make the certificates and, at the first start, the cluster.
 * 5. Start, and wait until it accepts connections.
 *
 * A failure leaves no process. Steps 3 and 4 leave the data folder behind, complete or as parts that the next start clears.
 *
 * @throws PosternError `port.taken`, `data.unwritable`, `data.wrong-version`, `stage.running`, `process.failed`
 */
export async function startPostgresServer(options: PostgresServerOptions): Promise<PostgresServer> {
  const { dataDir, signal } = options;
  const version = options.version ?? defaults.version;
  const clock = options.clock ?? systemClock;
  await clearLeftoverPostgres(dataDir, clock, signal);
  if (options.port !== 0) await assertPortFree(options.port, options.portFlag ?? "--port");

  const user = await findServerUser(clusterPath(dataDir));
  const home = await openPostgresHome(dataDir, user);
  const binaries = await findPostgresBinaries(version, user);
  const { caFile, caPem } = await ensureServerIdentity(home, options.names ?? [], user, clock.wallTime());
  const { password, created } = await ensureCluster({ home, major: version, binaries, user, signal });
  await writeHostRules(home, options.tls ?? "required", user);

  const { server, port } = await launchOnPort(options, { home, binaries, user });
  return {
    host: loopback,
    port,
    superuser,
    password,
    caPem,
    caFile,
    version,
    dataDir,
    created,
    pid: server.pid,
    exited: server.exited,
    stop: server.stop,
    [Symbol.asyncDispose]: server.stop,
  };
}

type Prepared = {
  readonly home: PostgresHome;
  readonly binaries: PostgresBinaries;
  readonly user: ServerUser | undefined;
};

/** The rules are ours, not the server's: written at every start, outside of what the server may write. */
async function writeHostRules(
  home: PostgresHome,
  tls: "required" | "off",
  user: ServerUser | undefined,
): Promise<void> {
  const kind = tls === "required" ? "hostssl" : "host";
  const rules = `${kind} all all ${loopback}/32 scram-sha-256\n`;
  await writeWhole(join(home.server, "pg_hba.conf"), rules, { owner: user });
}

/** A free port can be taken by someone else before the server listens: then another one is tried. */
async function launchOnPort(options: PostgresServerOptions, prepared: Prepared) {
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port === 0 ? await findFreePort() : options.port;
    try {
      return { port, server: await launch(options, prepared, port) };
    } catch (error) {
      const isTaken = error instanceof PosternError && error.code === "port.taken";
      if (!isTaken || options.port !== 0 || attempt === portAttempts) throw error;
    }
  }
}

async function launch(options: PostgresServerOptions, prepared: Prepared, port: number): Promise<WardedProcess> {
  const { home, binaries, user } = prepared;
  const ready = Promise.withResolvers<"ready">();
  const server = await startWardedProcess({
    command: binaries.postgres,
    args: ["-D", home.cluster, ...settingArguments(options, home, port)],
    cwd: "/",
    env: serverEnv,
    ...user,
    // Fast shutdown, then immediate shutdown.
    stopSignals: ["SIGINT", "SIGQUIT", "SIGKILL"],
    graceMs: 5_000,
    onLine: (line) => {
      options.onLog?.(line);
      if (line.includes("database system is ready to accept connections")) ready.resolve("ready");
    },
  });

  const { signal } = options;
  const timeout = AbortSignal.timeout(startTimeoutMs);
  const givenUp = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
  const onGivenUp = Promise.withResolvers<"given up">();
  givenUp.addEventListener("abort", () => onGivenUp.resolve("given up"), { once: true });
  if (givenUp.aborted) onGivenUp.resolve("given up");

  const outcome = await Promise.race([ready.promise, server.exited, onGivenUp.promise]);
  if (outcome === "ready") return server;
  await server.stop();
  signal?.throwIfAborted();
  throw explainFailure(server.lastLines(), { port, flag: options.portFlag ?? "--port" });
}

function settingArguments(options: PostgresServerOptions, home: PostgresHome, port: number): string[] {
  const hasTls = (options.tls ?? "required") === "required";
  const settings: Readonly<Record<string, string>> = {
    listen_addresses: loopback,
    port: String(port),
    unix_socket_directories: "",
    hba_file: join(home.server, "pg_hba.conf"),
    password_encryption: "scram-sha-256",
    // A failed statement may hold a password, and so may its parameters.
    log_min_error_statement: "panic",
    log_parameter_max_length_on_error: "0",
    log_line_prefix: "%m [%p] ",
    ...(hasTls
      ? {
          ssl: "on",
          ssl_cert_file: join(home.server, "server.pem"),
          ssl_key_file: join(home.server, "server.key"),
        }
      : {}),
    ...((options.durable ?? true) ? {} : { fsync: "off", synchronous_commit: "off", full_page_writes: "off" }),
    ...options.settings,
  };
  return Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}

function explainFailure(lines: readonly string[], at: { readonly port: number; readonly flag: string }): PosternError {
  const log = lines.slice(-8).join("\n");
  if (lines.some((line) => line.includes("could not bind"))) return portTaken(at.port, at.flag);
  return new PosternError("process.failed", `PostgreSQL did not start. Its last log lines:\n${log}`);
}
