import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { createSecureContext, type SecureContext } from "node:tls";
import { createAuthority, createServerCertificate } from "#lib/base/certificates.ts";
import { type Clock, systemClock } from "#lib/base/clock.ts";
import type { PosternError } from "#lib/base/errors.ts";
import { formatHostPort } from "#lib/base/host-port.ts";
import { writeWhole } from "#lib/base/private-file.ts";
import { generatePassword } from "#lib/postgres/generate-password.ts";
import { listenForClients } from "../port/listen.ts";
import { reachable } from "../port/reachable.ts";
import { certifiedNames } from "./names.ts";
import { serveLogin } from "./serve-login.ts";
import type { LoginUpstream } from "./upstream.ts";

export type LoginOptions = {
  /** A stream to the database's port that nobody has used; waits for a link. Rejects on abort. */
  readonly openStream: (signal: AbortSignal) => Promise<Duplex>;
  readonly upstream: LoginUpstream;
  /** 0: any free one. */
  readonly port: number;
  /** Default 127.0.0.1. Danger: on any other, whoever knows the URL reaches the database. */
  readonly bind?: string | undefined;
  /** What NODE_EXTRA_CA_CERTS names here. A program needs them still: npx, behind a company's proxy. Default: nothing. */
  readonly nodeCaFile?: string | undefined;
  /** A client could not be logged in to the database; it was told as well. */
  readonly onFailure?: ((error: PosternError) => void) | undefined;
  readonly clock?: Clock | undefined;
};

/** Disposing closes the port and every connection, and removes the certificate's file. */
export type Login = AsyncDisposable & {
  readonly host: string;
  readonly port: number;
  /** For clients, with user, one-time password and how to verify TLS: a secret. */
  readonly url: string;
  /** The authority that signed the port's certificate; PEM. */
  readonly caFile: string;
  /** For a program that finds its database in the environment: DATABASE_URL, libpq's variables, the CA for Node. */
  readonly environment: Readonly<Record<string, string>>;
};

/**
 * A port whose clients need no certificate of the database's and no password of the database's: it does both for them.
 *
 * 1. Makes an authority, a server certificate for loopback, and a password, all of them for this start; the authority's
 *    key is forgotten at once, and only its certificate is written to a file.
 * 2. Listens. What becomes of a client is said in serve-login.ts.
 *
 * After a failure nothing is left behind.
 *
 * @throws PosternError `port.taken`; `usage.invalid` for an address that this machine does not have
 */
export async function startLogin(options: LoginOptions): Promise<Login> {
  const { openStream, upstream, port, bind = "127.0.0.1", nodeCaFile = "" } = options;
  const { onFailure = () => {}, clock = systemClock } = options;
  await using stack = new AsyncDisposableStack();
  const { context, certificate } = await makeIdentity(bind, clock.wallTime());
  const folder = stack.adopt(await mkdtemp(join(tmpdir(), "postern-login-")), async (path) =>
    rm(path, { recursive: true, force: true }),
  );
  const caFile = join(folder, "ca.pem");
  await writeWhole(caFile, certificate, { mode: 0o644 });
  const others = nodeCaFile === "" ? undefined : await readFile(nodeCaFile, "utf8").catch(() => undefined);
  const nodeCa = others === undefined ? caFile : join(folder, "node-ca.pem");
  if (others !== undefined) await writeWhole(nodeCa, `${certificate}\n${others}`, { mode: 0o644 });

  const password = generatePassword();
  const closing = new AbortController();
  const serving = new Set<Promise<void>>();
  const service = {
    openStream,
    upstream,
    context,
    password,
    keys: new Set<string>(),
    clock,
    signal: closing.signal,
    onFailure,
  };
  const server = createServer({ allowHalfOpen: false, noDelay: true, keepAlive: true }, (socket) => {
    const serve = async (): Promise<void> => {
      await serveLogin(socket, service);
      serving.delete(done);
    };
    const done = serve();
    serving.add(done);
  });
  const address = await listenForClients(server, { port, bind });
  stack.defer(async () => {
    const closed = close(server);
    closing.abort();
    await Promise.all([closed, ...serving]);
  });

  const place = { host: reachable(address.address), port: address.port };
  const login = { ...place, user: upstream.user, password, database: upstream.database, caFile, nodeCa };
  const opened = stack.move();
  return {
    ...place,
    caFile,
    url: urlOf(login),
    environment: environmentOf(login),
    [Symbol.asyncDispose]: async () => opened.disposeAsync(),
  };
}

async function makeIdentity(
  bind: string,
  now: Date,
): Promise<{ readonly context: SecureContext; readonly certificate: string }> {
  const authority = await createAuthority("Postern tunnel", now);
  const { certificate, privateKey } = await createServerCertificate(authority, certifiedNames(bind), now);
  const context = createSecureContext({ cert: certificate, key: privateKey, minVersion: "TLSv1.2" });
  return { context, certificate: authority.certificate };
}

async function close(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  await promise;
}

type LoginFacts = {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly caFile: string;
  /** The same, and what Node trusted besides its roots before. */
  readonly nodeCa: string;
};

/** Percent-encoded throughout: libpq takes a plus for a plus. */
function urlOf({ host, port, user, password, database, caFile }: LoginFacts): string {
  const authority = `${encodeURIComponent(user)}:${password}@${formatHostPort({ host, port })}`;
  const query = `sslmode=verify-full&sslrootcert=${encodeURIComponent(caFile)}`;
  return `postgresql://${authority}/${encodeURIComponent(database)}?${query}`;
}

function environmentOf(facts: LoginFacts): Record<string, string> {
  return {
    DATABASE_URL: urlOf(facts),
    PGHOST: facts.host,
    PGPORT: String(facts.port),
    PGUSER: facts.user,
    PGPASSWORD: facts.password,
    PGDATABASE: facts.database,
    PGSSLMODE: "verify-full",
    PGSSLROOTCERT: facts.caFile,
    // Drivers that read no file of sslrootcert (postgres.js) verify with Node's roots and these.
    NODE_EXTRA_CA_CERTS: facts.nodeCa,
  };
}
