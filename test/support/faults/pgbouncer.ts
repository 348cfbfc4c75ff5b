import { spawn } from "node:child_process";
import { once } from "node:events";
import { chown, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Certified } from "#lib/base/certificates.ts";
import { findFreePort } from "#lib/local/net/free-port.ts";
import { findServerUser } from "#lib/local/process/unprivileged-user.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { findProgram } from "../debian.ts";
import { makeDataFolder } from "../run-folder.ts";

export type PgBouncerOptions = {
  readonly server: Pick<DatabaseAddress, "host" | "port">;
  readonly certificate: Certified;
  /** Who may come in, and with what; the same goes on to the server. */
  readonly users: Readonly<Record<string, string>>;
  /** What differs from the defaults; `databases` names them, default all. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly databases?: string;
  readonly runFolder: string;
};

type PgBouncer = AsyncDisposable & { readonly port: number };

const attempts = 3;

/** A real PgBouncer in front of a server, with TLS on both sides. */
export async function startPgBouncer(options: PgBouncerOptions): Promise<PgBouncer> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOn(await findFreePort(), options);
    } catch (error) {
      // It listens on no port of the system's choice, and somebody else may take a free one first.
      if (attempt === attempts || !String(error).includes("Address already in use")) throw error;
    }
  }
}

async function startOn(port: number, options: PgBouncerOptions): Promise<PgBouncer> {
  const { server, certificate, users, settings = {}, databases = "*", runFolder } = options;
  const program = findProgram("pgbouncer");
  if (program === undefined) throw new Error("PgBouncer is not installed.");
  const folder = await makeDataFolder(runFolder);
  const user = await findServerUser(folder);
  const write = async (name: string, text: string) => {
    const path = join(folder, name);
    await writeFile(path, text, { mode: 0o600 });
    if (user !== undefined) await chown(path, user.uid, user.gid);
    return path;
  };
  const all = {
    listen_addr: "127.0.0.1",
    listen_port: String(port),
    unix_socket_dir: "",
    auth_type: "scram-sha-256",
    auth_file: await write(
      "users",
      Object.entries(users)
        .map((pair) => pair.map((one) => `"${one}"`).join(" "))
        .join("\n"),
    ),
    client_tls_sslmode: "require",
    client_tls_cert_file: await write("server.pem", certificate.certificate),
    client_tls_key_file: await write("server.key", certificate.privateKey),
    server_tls_sslmode: "require",
    pool_mode: "transaction",
    ...settings,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}`);
  const target = `${databases} = host=${server.host} port=${server.port}`;
  const file = await write("pgbouncer.ini", ["[databases]", target, "[pgbouncer]", ...lines, ""].join("\n"));
  const child = spawn(program, [file], { stdio: ["ignore", "ignore", "pipe"], ...user });
  const ended = once(child, "close");
  let log = "";
  const isUp = Promise.withResolvers<void>();
  child.stderr.on("data", (chunk: Buffer) => {
    log += chunk.toString();
    if (log.includes("process up")) isUp.resolve();
  });
  await Promise.race([isUp.promise, ended.then(() => Promise.reject(new Error(`PgBouncer did not start:\n${log}`)))]);
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGQUIT");
      await ended;
    },
  };
}
