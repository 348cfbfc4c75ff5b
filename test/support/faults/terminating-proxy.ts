import { connect, type Socket } from "node:net";
import { once } from "node:events";
import { connect as connectTls, TLSSocket } from "node:tls";
import type { Certified } from "#lib/base/certificates.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { encodeSslRequest } from "#lib/postgres/wire/frontend.ts";
import { type Act, createTrickle, perform } from "./act.ts";
import { type Listener, listen } from "./listener.ts";

/**
 * Where a connection breaks whose TLS ends in the proxy, as it does in a pooler:
 *
 * | point | when |
 * |---|---|
 * | `startup` | the startup message came |
 * | `sasl` | the client's n-th message of SCRAM came (1 or 2) |
 * | `final` | the server's last word of SCRAM came; the act's bytes go in its place |
 * | `authenticated` | AuthenticationOk was passed on |
 * | `query` | the n-th query came |
 * | `reply` | of the reply to the second query, 32 KB, these many bytes were passed on |
 * | `request` | of the third query, 32 KB, these many bytes came |
 * | `rest` | so long after the third query was answered |
 * | `connection` | as many others are open |
 */
export type SessionPoint =
  | { readonly at: "startup" | "final" | "authenticated" }
  | { readonly at: "sasl"; readonly count: number }
  | { readonly at: "query"; readonly count: number }
  | { readonly at: "reply" | "request"; readonly bytes: number }
  | { readonly at: "rest"; readonly afterMs: number }
  | { readonly at: "connection"; readonly others: number };

export type SessionFault = { readonly point: SessionPoint; readonly act: Act };

export type TerminatingOptions = {
  readonly server: DatabaseAddress;
  readonly certificate: Certified;
  readonly fault?: SessionFault;
  /** PostgreSQL's own names for them: at most and at least. */
  readonly maxVersion?: "TLSv1.2" | "TLSv1.3";
};

/** A proxy that shows its own certificate, and breaks every connection at one point. */
export async function startTerminatingProxy(options: TerminatingOptions): Promise<Listener> {
  const { fault } = options;
  return await listen((socket, others) => {
    const session = new Session(options, socket);
    if (fault?.point.at === "connection" && others >= fault.point.others) session.isOneTooMany = true;
    void session.serve().catch(() => socket.destroy());
    return session;
  });
}

class Session implements Disposable {
  readonly #options: TerminatingOptions;
  readonly #socket: Socket;
  readonly #closing: Disposable[] = [];
  #mode: "pass" | "drop" | "trickle" = "pass";
  isOneTooMany = false;

  constructor(options: TerminatingOptions, socket: Socket) {
    this.#options = options;
    this.#socket = socket;
  }

  async serve(): Promise<void> {
    const { server, certificate, fault, maxVersion = "TLSv1.3" } = this.#options;
    const act = fault?.act;
    if (this.isOneTooMany && act !== undefined && act.kind !== "send") {
      perform(act, this.#socket, this.#socket);
      this.#socket.resume();
      return;
    }
    await once(this.#socket, "data");
    this.#socket.pause();
    this.#socket.write("S");
    const client = new TLSSocket(this.#socket, {
      isServer: true,
      cert: certificate.certificate,
      key: certificate.privateKey,
      maxVersion,
    });
    client.on("error", () => this.#socket.destroy());
    const upstream = await this.#openUpstream(server);
    this.#join(client, upstream);
  }

  async #openUpstream(server: DatabaseAddress): Promise<TLSSocket> {
    const raw = connect({ host: server.host, port: server.port, noDelay: true });
    raw.on("error", () => {});
    this.#closing.push({ [Symbol.dispose]: () => void raw.destroy() });
    raw.write(encodeSslRequest());
    await once(raw, "data");
    const upstream = connectTls({ socket: raw, host: server.host, ca: [...(server.ca ?? [])] });
    upstream.on("error", () => {});
    await once(upstream, "secureConnect");
    return upstream;
  }

  #join(client: TLSSocket, upstream: TLSSocket): void {
    const { fault } = this.#options;
    const point = fault?.point;
    const trickle = createTrickle(client);
    this.#closing.push(trickle);
    const strike = () => {
      if (fault === undefined || this.#mode !== "pass") return;
      this.#mode = perform(fault.act, this.#socket, client);
      if (this.#mode === "drop") upstream.destroy();
    };
    const seen = { queries: 0, saslMessages: 0, replyBytes: 0 };
    const client2server = messageReader(true);
    client.on("data", (chunk: Buffer) => {
      for (const { letter } of client2server.push(chunk)) {
        if (letter === "" && (point?.at === "startup" || this.isOneTooMany)) strike();
        if (letter === "p") seen.saslMessages += 1;
        if (letter === "p" && point?.at === "sasl" && seen.saslMessages >= point.count) strike();
        if (letter === "Q") seen.queries += 1;
        if (letter === "Q" && point?.at === "query" && seen.queries >= point.count) strike();
      }
      const isUpload = seen.queries >= 2 && client2server.pendingBytes() > 0;
      if (point?.at === "request" && (seen.queries >= 3 || (isUpload && client2server.pendingBytes() >= point.bytes))) {
        strike();
      }
      if (this.#mode !== "drop") upstream.write(chunk);
    });
    const server2client = messageReader(false);
    upstream.on("data", (chunk: Buffer) => {
      const messages = server2client.push(chunk);
      if (this.#mode === "drop") return;
      if (this.#mode === "trickle") {
        trickle.push(chunk);
        return;
      }
      if (point?.at === "reply" && seen.queries === 2) {
        const allowed = point.bytes - seen.replyBytes;
        seen.replyBytes += chunk.length;
        if (allowed < chunk.length) {
          client.write(chunk.subarray(0, Math.max(0, allowed)));
          strike();
          if (this.#isTrickling()) trickle.push(chunk.subarray(Math.max(0, allowed)));
          return;
        }
      }
      if (point?.at === "final" && messages.some(isSaslFinal)) return strike();
      const ok = messages.findIndex(isAuthenticationOk);
      if (point?.at === "authenticated" && ok !== -1) {
        const isLast = messages.slice(0, ok + 1);
        client.write(Buffer.concat(isLast.map(({ bytes }) => bytes)));
        strike();
        if (this.#isTrickling()) trickle.push(Buffer.concat(messages.slice(ok + 1).map(({ bytes }) => bytes)));
        return;
      }
      client.write(chunk);
      const isAnswered = seen.queries === 3 && messages.some(({ letter }) => letter === "Z");
      if (point?.at === "rest" && isAnswered) this.#later(strike, point.afterMs);
    });
    upstream.on("close", () => {
      if (this.#mode === "pass") client.end();
    });
    client.on("end", () => client.end());
    client.on("close", () => upstream.destroy());
  }

  #isTrickling(): boolean {
    return this.#mode === "trickle";
  }

  #later(act: () => void, ms: number): void {
    const timer = setTimeout(act, ms);
    this.#closing.push({ [Symbol.dispose]: () => clearTimeout(timer) });
  }

  [Symbol.dispose](): void {
    for (const one of this.#closing) one[Symbol.dispose]();
  }
}

type Message = { readonly letter: string; readonly bytes: Buffer };

function isAuthenticationOk({ letter, bytes }: Message): boolean {
  return letter === "R" && bytes.length === 9 && bytes.readInt32BE(5) === 0;
}

function isSaslFinal({ letter, bytes }: Message): boolean {
  return letter === "R" && bytes.length > 9 && bytes.readInt32BE(5) === 12;
}

/** Whole messages out of chunks; the client's first has no letter. */
function messageReader(hasStartup: boolean) {
  let rest = Buffer.alloc(0);
  let isFirst = hasStartup;
  return {
    pendingBytes: () => rest.length,
    push: (chunk: Buffer): Message[] => {
      rest = Buffer.concat([rest, chunk]);
      const found: Message[] = [];
      for (;;) {
        const letters = isFirst ? 0 : 1;
        if (rest.length < letters + 4) return found;
        const length = letters + rest.readUInt32BE(letters);
        if (rest.length < length) return found;
        found.push({ letter: rest.toString("latin1", 0, letters), bytes: rest.subarray(0, length) });
        rest = rest.subarray(length);
        isFirst = false;
      }
    },
  };
}
