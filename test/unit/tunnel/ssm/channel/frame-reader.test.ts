import { expect, test } from "vitest";
import { encodeMessage, type Message, messageTypes } from "#lib/ssm-protocol/message.ts";
import { encodeJson } from "#lib/ssm-protocol/payloads.ts";
import { createFrameReader } from "#lib/tunnel/ssm/channel/frame-reader.ts";

const frameOf = (type: string, payload = encodeJson({})) =>
  encodeMessage({
    type,
    createdMs: 1,
    sequenceNumber: 0,
    flags: 0,
    id: "00000000-0000-4000-8000-000000000000",
    payloadType: 0,
    payload,
  });
const unreadable = Buffer.from("not a message");

function prepare() {
  const messages: string[] = [];
  const ends: unknown[] = [];
  const warnings: string[] = [];
  const read = createFrameReader({
    sessionId: "one",
    log: { info: () => {}, warn: (message) => warnings.push(message) },
    onMessage: ({ type }: Message) => messages.push(type),
    onEnd: ({ code, message }, { isOver }) => ends.push([code, message, isOver]),
  });
  return { read, messages, ends, warnings };
}

test("passes on what the agent says, and nothing that is for others", () => {
  const { read, messages, ends, warnings } = prepare();
  for (const type of [...Object.values(messageTypes), "of_tomorrow"]) {
    if (type !== messageTypes.channelClosed) read(frameOf(type));
  }
  expect(messages).toEqual([messageTypes.output, messageTypes.acknowledge]);
  expect([ends, warnings]).toEqual([[], []]);
});

test.each([
  [{ Output: "by an administrator" }, "by an administrator"],
  [{ Output: "" }, "no reason was given"],
  [{ Output: null }, "no reason was given"],
])("ends with the service's word %j, and the session is over there", (payload, why) => {
  const { read, ends } = prepare();
  read(frameOf(messageTypes.channelClosed, encodeJson(payload)));
  expect(ends).toEqual([["ssm.session-ended", `The session one was ended: ${why}`, true]]);
});

test("drops a frame that is none, and ends with the sixteenth in a row", () => {
  const { read, messages, ends, warnings } = prepare();
  for (let count = 0; count < 15; count += 1) read(unreadable);
  read(frameOf(messageTypes.output));
  for (let count = 0; count < 15; count += 1) read(unreadable);
  expect([messages, ends, warnings.length]).toEqual([[messageTypes.output], [], 30]);
  read(unreadable);
  expect(ends).toEqual([["ssm.protocol", expect.stringContaining("shorter than its header"), false]]);
});
