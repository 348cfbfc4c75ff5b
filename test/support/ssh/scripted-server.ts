import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import ssh2, { type AuthContext, type Connection, type ServerChannel } from "ssh2";
import { runKeygen } from "./key-forms.ts";

/** What a server does that is not as it should be. Whatever is left out is done as it should be. */
export type Script = {
  /** Default: whoever comes with a key is let in. */
  onAuthentication?: (context: AuthContext) => void;
  /** Default: connects, and forwards. */
  onForward?: (accept: () => ServerChannel, reject: () => void) => void;
};

export type ScriptedServer = AsyncDisposable & {
  readonly host: string;
  readonly port: number;
  readonly knownHostsLine: string;
  /** Connections that are open now. */
  readonly open: number;
  /** Resets every connection. */
  drop(): void;
  /** Reads and says nothing more, and leaves the sockets open, as a machine does whose network is gone. */
  stall(): void;
  /** Ends every connection with these words. */
  disconnect(words: string): void;
};

/** ssh2's own server, for faults that sshd does not have. Everything it forwards goes to `target`. */
export async function startScriptedServer(
  script: Script = {},
  target?: { readonly host: string; readonly port: number },
  key = runKeygen({ type: "ed25519" }),
): Promise<ScriptedServer> {
  const connections = new Map<Socket, Connection>();
  const outside = new Set<Socket>();
  const ssh = new ssh2.Server({ hostKeys: [key.text] }, (connection) => {
    connections.set(newest, connection);
    connection.on("error", () => {});
    connection.on("authentication", (context) => {
      if (script.onAuthentication !== undefined) script.onAuthentication(context);
      else if (context.method === "publickey") context.accept();
      else context.reject(["publickey"]);
    });
    connection.on("tcpip", (accept, reject) => {
      if (script.onForward !== undefined) return script.onForward(accept, reject);
      if (target === undefined) return reject();
      const socket = connect({ ...target, noDelay: true });
      outside.add(socket);
      socket.on("error", () => {}).once("close", () => outside.delete(socket));
      socket.once("connect", () => {
        const channel = accept();
        channel.on("error", () => {});
        socket.pipe(channel).pipe(socket);
      });
    });
  });
  // Ours, so that its sockets can be had; the one that comes is the one that the handler above is called for.
  let newest: Socket;
  const server = createServer({ noDelay: true }, (socket) => {
    newest = socket;
    socket.on("error", () => {}).once("close", () => connections.delete(socket));
    ssh.injectSocket(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    host: "127.0.0.1",
    port,
    knownHostsLine: `[127.0.0.1]:${port} ${key.publicLine}`,
    get open() {
      return connections.size;
    },
    drop: () => {
      for (const socket of connections.keys()) socket.resetAndDestroy();
    },
    stall: () => {
      for (const socket of connections.keys()) socket.pause();
    },
    disconnect: (words) => {
      for (const connection of connections.values()) sendDisconnect(connection, words);
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of [...outside, ...connections.keys()]) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** ssh2's connection, whose own `end` sends no words. */
type Inside = {
  readonly _protocol: {
    readonly _packetRW: {
      readonly write: { readonly allocStart: number; alloc(size: number): Buffer; finalize(packet: Buffer): Buffer };
    };
    readonly _cipher: { encrypt(packet: Buffer): void };
  };
};

/** @see https://www.rfc-editor.org/rfc/rfc4253#section-11.1 */
function sendDisconnect(connection: Connection, words: string): void {
  const { _protocol: protocol } = connection as unknown as Inside;
  const { write } = protocol._packetRW;
  const text = Buffer.from(words);
  const start = write.allocStart;
  const packet = write.alloc(1 + 4 + 4 + text.length + 4);
  const [message, protocolError, noLanguage] = [1, 2, 0];
  packet[start] = message;
  let at = packet.writeUInt32BE(protocolError, start + 1);
  at = packet.writeUInt32BE(text.length, at);
  at += text.copy(packet, at);
  packet.writeUInt32BE(noLanguage, at);
  protocol._cipher.encrypt(write.finalize(packet));
}
