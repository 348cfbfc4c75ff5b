import { describe, expect, test } from "vitest";
import { createSmuxDecoder, encodeSmuxHeader, type SmuxFrame } from "#lib/ssm-protocol/smux.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { fin, nop, psh, smuxFrame, syn } from "../../support/smux-bytes.ts";

const violation = (text: string) =>
  expect.objectContaining({ code: "ssm.protocol", message: expect.stringContaining(text) });

/** Frames as text, the parts of one PSH joined again. */
function told(frames: readonly SmuxFrame[]): string[] {
  const lines: string[] = [];
  let open = "";
  for (const frame of frames) {
    if (frame.command === "push") {
      const text = Buffer.from(frame.data).toString("latin1");
      if (open === `push ${frame.streamId}`) lines.push(`${lines.pop() ?? ""}${text}`);
      else lines.push(`push ${frame.streamId} ${text}`);
      open = `push ${frame.streamId}`;
    } else {
      open = "";
      lines.push(frame.command === "nop" ? "nop" : `${frame.command} ${frame.streamId}`);
    }
  }
  return lines;
}

const conversation = Buffer.concat([
  smuxFrame(syn, 3),
  smuxFrame(psh, 3, Buffer.from("select 1")),
  smuxFrame(nop, 0),
  smuxFrame(psh, 0xff_ff_ff_fd, Buffer.from("x")),
  smuxFrame(psh, 3),
  smuxFrame(fin, 0xff_ff_ff_fd),
  smuxFrame(psh, 5, Buffer.from("last")),
]);
const expected = ["syn 3", "push 3 select 1", "nop", "push 4294967293 x", "fin 4294967293", "push 5 last"];

describe("encodeSmuxHeader", () => {
  test("writes length and id with the lowest byte first", () => {
    expect(encodeSmuxHeader("syn", 3).toString("hex")).toBe("0100000003000000");
    expect(encodeSmuxHeader("fin", 0x01_02_03_05).toString("hex")).toBe("0101000005030201");
    expect(encodeSmuxHeader("push", 0xff_ff_ff_ff, 32_768).toString("hex")).toBe("01020080ffffffff");
    expect(encodeSmuxHeader("nop", 0).toString("hex")).toBe("0103000000000000");
  });
});

describe("a decoder", () => {
  test("reads frames that come at once", () => {
    expect(told(createSmuxDecoder().push(conversation))).toEqual(expected);
  });

  test("reads what was encoded", () => {
    const bytes = Buffer.concat([encodeSmuxHeader("push", 7, 5), Buffer.from("hello"), encodeSmuxHeader("fin", 7)]);
    expect(told(createSmuxDecoder().push(bytes))).toEqual(["push 7 hello", "fin 7"]);
  });

  test("reads the same, wherever the bytes are cut in two", () => {
    for (let cut = 0; cut <= conversation.length; cut += 1) {
      const decoder = createSmuxDecoder();
      const frames = [...decoder.push(conversation.subarray(0, cut)), ...decoder.push(conversation.subarray(cut))];
      expect(told(frames), `cut at ${cut}`).toEqual(expected);
    }
  });

  test("reads the same, byte by byte", () => {
    const decoder = createSmuxDecoder();
    expect(told(Array.from(conversation, (byte) => decoder.push(Uint8Array.of(byte))).flat())).toEqual(expected);
  });

  test("reads the same, cut anywhere and often", () => {
    const random = seededRandom();
    for (let round = 0; round < 300; round += 1) {
      const frames = Array.from({ length: random.below(20) + 1 }, (_, index) => {
        const command = random.pick([syn, fin, psh, psh, psh, nop]);
        const id = command === nop ? 0 : random.pick([3, 5, 0xff_ff_ff_ff]);
        return smuxFrame(
          command,
          id,
          command === psh ? random.bytes(random.below(index === 0 ? 65_536 : 40)) : undefined,
        );
      });
      const bytes = Buffer.concat(frames);
      const whole = told(createSmuxDecoder().push(bytes));
      const decoder = createSmuxDecoder();
      const parts: SmuxFrame[] = [];
      for (let offset = 0; offset < bytes.length;) {
        const length = random.pick([1, 2, 7, 8, 9, 100, 5000]);
        parts.push(...decoder.push(bytes.subarray(offset, offset + length)));
        offset += length;
      }
      expect(told(parts), `POSTERN_TEST_SEED=${random.seed}`).toEqual(whole);
    }
  });

  test("gives the data of a frame on before all of it is there", () => {
    const decoder = createSmuxDecoder();
    const frame = smuxFrame(psh, 3, Buffer.alloc(32_768, "a"));
    expect(told(decoder.push(frame.subarray(0, 18)))).toEqual([`push 3 ${"a".repeat(10)}`]);
  });

  test("says nothing of a header that was cut at any byte", () => {
    for (let length = 0; length < 8; length += 1) {
      expect(createSmuxDecoder().push(smuxFrame(fin, 3).subarray(0, length))).toEqual([]);
    }
  });

  test.each<[string, number[]]>([
    ["version 0", [0, 0, 0, 0, 3, 0, 0, 0]],
    ["version 2", [2, 0, 0, 0, 3, 0, 0, 0]],
    ["unknown command 4", [1, 4, 0, 0, 3, 0, 0, 0]],
    ["unknown command 255", [1, 255, 0, 0, 3, 0, 0, 0]],
    ["with 1 bytes", [1, 0, 1, 0, 3, 0, 0, 0]],
    ["with 256 bytes", [1, 1, 0, 1, 3, 0, 0, 0]],
    ["with 65535 bytes", [1, 3, 255, 255, 0, 0, 0, 0]],
  ])("refuses %s", (text, header) => {
    expect(() => createSmuxDecoder().push(Buffer.from(header))).toThrow(violation(text));
  });
});
