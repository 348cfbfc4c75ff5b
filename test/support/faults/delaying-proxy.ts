import { connect, type Socket } from "node:net";
import { type Listener, listen } from "./listener.ts";

export type Delays = {
  /** Of what goes to the server, in milliseconds. */
  readonly upMs: number;
  readonly downMs: number;
};

/** A way that is long and honest: everything arrives, in its order, so much later. */
export async function startDelayingProxy(
  target: { readonly host: string; readonly port: number },
  { upMs, downMs }: Delays,
): Promise<Listener> {
  return await listen((client) => {
    const upstream = connect({ ...target, noDelay: true });
    upstream.on("error", () => client.destroy());
    passLater(client, upstream, upMs);
    passLater(upstream, client, downMs);
    return { [Symbol.dispose]: () => void upstream.destroy() };
  });
}

function passLater(from: Socket, to: Socket, ms: number): void {
  const waiting: (() => void)[] = [];
  // Timers of one length are due in the order in which they were set, but each takes the next that waits, to be sure.
  const later = (act: () => void) => {
    waiting.push(act);
    setTimeout(() => waiting.shift()?.(), ms);
  };
  from.on("data", (chunk: Buffer) => {
    later(() => {
      if (!to.destroyed) to.write(chunk);
    });
  });
  from.on("end", () => {
    later(() => to.end());
  });
}
