import * as v from "valibot";
import type { WebSocket } from "ws";
import type { OpenDataChannel } from "#lib/ssm-protocol/open-data-channel.ts";

const schema = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    MessageSchemaVersion: v.literal("1.0"),
    RequestId: v.pipe(v.string(), v.uuid()),
    TokenValue: v.string(),
    ClientId: v.pipe(v.string(), v.uuid()),
    ClientVersion: v.string(),
  }),
);

const timeoutMs = 10_000;

/** Undefined for a first frame that is not OpenDataChannel as text, and for none within ten seconds. */
export function awaitFirstFrame(webSocket: WebSocket, onOpened: (opened: OpenDataChannel | undefined) => void): void {
  const timer = setTimeout(() => webSocket.close(1008, "Expected OpenDataChannel"), timeoutMs);
  webSocket.once("close", () => clearTimeout(timer));
  webSocket.once("message", (data, isBinary) => {
    clearTimeout(timer);
    const result = v.safeParse(schema, isBinary || !Buffer.isBuffer(data) ? undefined : data.toString("utf8"));
    onOpened(result.success ? result.output : undefined);
  });
}
