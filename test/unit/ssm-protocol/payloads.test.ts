import { describe, expect, test } from "vitest";
import {
  acknowledgeOf,
  decodeAcknowledge,
  decodeChannelClosed,
  decodeFlag,
  decodeHandshakeComplete,
  decodeHandshakeRequest,
  decodeHandshakeResponse,
  encodeFlag,
  encodeJson,
} from "#lib/ssm-protocol/payloads.ts";

const bytes = (text: string) => Buffer.from(text);
const violation = (text: string) =>
  expect.objectContaining({ code: "ssm.protocol", message: expect.stringContaining(text) });

describe("payloads", () => {
  test("an acknowledgement has the key names of the official client", () => {
    const message = { type: "output_stream_data", id: "an-id", sequenceNumber: 7 };
    const payload = encodeJson(
      acknowledgeOf({ ...message, createdMs: 1, flags: 0, payloadType: 1, payload: Buffer.alloc(0) }),
    );
    expect(payload.toString()).toBe(
      '{"AcknowledgedMessageType":"output_stream_data","AcknowledgedMessageId":"an-id","AcknowledgedMessageSequenceNumber":7,"IsSequentialMessage":true}',
    );
    expect(decodeAcknowledge(payload)).toEqual(JSON.parse(payload.toString()));
  });

  test("a handshake is read as the official agent and client write it", () => {
    const request =
      '{"AgentVersion":"3.3.1142.0","RequestedClientActions":[{"ActionType":"SessionType","ActionParameters":{"SessionType":"Port","Properties":{"host":"db","portNumber":"5432","localPortNumber":"0","type":"LocalPortForwarding"}}}]}';
    expect(decodeHandshakeRequest(bytes(request))).toEqual(JSON.parse(request));
    const response =
      '{"ClientVersion":"1.2.677.0","ProcessedClientActions":[{"ActionType":"SessionType","ActionStatus":1,"ActionResult":null,"Error":""}],"Errors":null}';
    expect(decodeHandshakeResponse(bytes(response))).toEqual(JSON.parse(response));
    expect(decodeHandshakeComplete(bytes('{"HandshakeTimeToComplete":1234567,"CustomerMessage":""}'))).toEqual({
      HandshakeTimeToComplete: 1_234_567,
      CustomerMessage: "",
    });
  });

  test("what an agent leaves out or sets to null passes where nothing depends on it", () => {
    for (const rest of ["", ',"ActionParameters":null', ',"ActionParameters":{"SessionType":null,"Properties":null}']) {
      const text = `{"AgentVersion":"3.3.1142.0","RequestedClientActions":[{"ActionType":"SessionType"${rest}}]}`;
      expect(decodeHandshakeRequest(bytes(text)).AgentVersion).toBe("3.3.1142.0");
    }
    expect(decodeChannelClosed(bytes('{"Output":null}'))).toEqual({ SessionId: "", Output: null });
    expect(decodeChannelClosed(bytes("{}"))).toEqual({ SessionId: "", Output: "" });
  });

  test("a flag is four bytes, the highest first", () => {
    expect(encodeFlag(2).toString("hex")).toBe("00000002");
    expect(decodeFlag(Buffer.from("ff000003", "hex"))).toBe(0xff_00_00_03);
    for (const length of [0, 1, 3, 5]) {
      expect(() => decodeFlag(Buffer.alloc(length))).toThrow(violation(`a flag of ${length} bytes`));
    }
  });

  test.each([
    ["", "unreadable acknowledgement"],
    ["{", "unreadable acknowledgement"],
    ["null", "unreadable acknowledgement"],
    ['{"AcknowledgedMessageType":"a","AcknowledgedMessageId":"b","IsSequentialMessage":true}', "SequenceNumber"],
    [
      '{"AcknowledgedMessageType":"a","AcknowledgedMessageId":"b","AcknowledgedMessageSequenceNumber":-1,"IsSequentialMessage":true}',
      "SequenceNumber",
    ],
    [
      '{"AcknowledgedMessageType":"a","AcknowledgedMessageId":"b","AcknowledgedMessageSequenceNumber":1e300,"IsSequentialMessage":true}',
      "SequenceNumber",
    ],
  ])("refuses %s", (text, part) => {
    expect(() => decodeAcknowledge(bytes(text))).toThrow(violation(part));
  });

  test("quotes a stranger's text cut short and without control characters", () => {
    const text = JSON.stringify({ AgentVersion: ["\u001B[2J\u009B2J"], RequestedClientActions: "x".repeat(100_000) });
    expect(() => decodeHandshakeRequest(bytes(text))).toThrow(/^\P{C}{1,400}$/u);
  });

  test("a closing message is quoted, too: it goes to a terminal", () => {
    const { Output } = decodeChannelClosed(
      bytes(JSON.stringify({ Output: `\u001B]0;x\u0007two\nlines ${"x".repeat(1000)}` })),
    );
    expect(Output).toMatch(/^\?\]0;x\?two\?lines x+…$/u);
  });

  test("nesting without end is refused like any other text", () => {
    expect(() => decodeChannelClosed(bytes("[".repeat(200_000)))).toThrow(violation("unreadable closing message"));
  });
});
