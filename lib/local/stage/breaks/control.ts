import { randomBytes, timingSafeEqual } from "node:crypto";
import { rm } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import { join } from "node:path";
import * as v from "valibot";
import { toPosternError } from "#lib/base/errors.ts";
import { writeWhole } from "#lib/base/private-file.ts";
import { loopback } from "../../net/free-port.ts";
import { readBody } from "../../net/http-body.ts";
import { closeServer, listen } from "../../net/http-server.ts";
import { namesLoopback } from "../../net/loopback-host.ts";
import { isBreakName } from "./breaks.ts";
import type { Workshop } from "./workshop.ts";

/** In the data folder, for its owner alone: where a running stage is told to break. */
export const controlFile = "control.json";

/** What is asked; the answer is a `Damage`. */
export const controlRequest = v.variant("do", [
  v.object({ do: v.literal("break"), name: v.pipe(v.string(), v.check(isBreakName, "no such break")) }),
  v.object({ do: v.literal("mend") }),
  v.object({ do: v.literal("look") }),
]);
export type ControlRequest = v.InferOutput<typeof controlRequest>;

const maxBodyBytes = 10_000;

/**
 * Lets the command line break a stage that runs. Not at the AWS endpoint: its keys may be what is broken.
 *
 * A request is served when (1) its Host names loopback, (2) it is a POST that carries the token of this start, which
 * `control.json` has, and (3) it is one of `controlRequest`.
 */
export async function openControl(options: {
  readonly workshop: Workshop;
  readonly dataDir: string;
  readonly onFailure: (error: unknown) => void;
}): Promise<AsyncDisposable> {
  const { workshop, dataDir, onFailure } = options;
  const token = randomBytes(32).toString("base64url");

  async function answer(incoming: IncomingMessage): Promise<{ statusCode: number; body: object }> {
    if (!namesLoopback(incoming.headers.host)) return { statusCode: 421, body: {} };
    if (!isAllowed(incoming, token)) return { statusCode: 403, body: {} };
    const body = await readBody(incoming, maxBodyBytes);
    const request = v.safeParse(v.pipe(v.string(), v.parseJson(), controlRequest), body?.toString("utf8"));
    if (!request.success) return { statusCode: 400, body: { problems: request.issues.map(({ message }) => message) } };
    return { statusCode: 200, body: await serve(workshop, request.output) };
  }

  const server = createServer((incoming, outgoing) => {
    answer(incoming).then(
      ({ statusCode, body }) =>
        outgoing.writeHead(statusCode, { "content-type": "application/json" }).end(JSON.stringify(body)),
      // A part did not follow.
      (error: unknown) => {
        onFailure(error);
        outgoing.writeHead(500).end(JSON.stringify({ error: toPosternError(error).toDocument() }));
      },
    );
  });
  await using opening = new AsyncDisposableStack();
  const { port } = await listen(server, 0);
  opening.defer(async () => closeServer(server));
  const file = join(dataDir, controlFile);
  opening.defer(async () => rm(file, { force: true }));
  await writeWhole(file, JSON.stringify({ url: `http://${loopback}:${port}/`, token }));
  return opening.move();
}

async function serve(workshop: Workshop, request: ControlRequest): Promise<object> {
  switch (request.do) {
    case "break":
      // The schema has looked.
      return isBreakName(request.name) ? workshop.break(request.name) : workshop.look();
    case "mend":
      return workshop.mend();
    case "look":
      return workshop.look();
    default:
      return request satisfies never;
  }
}

function isAllowed({ method, headers }: IncomingMessage, token: string): boolean {
  const expected = Buffer.from(`Bearer ${token}`);
  const given = Buffer.from(headers.authorization ?? "");
  return method === "POST" && given.length === expected.length && timingSafeEqual(given, expected);
}
