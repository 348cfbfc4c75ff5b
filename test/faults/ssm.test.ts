import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AwsError } from "#lib/local/aws/aws-error.ts";
import { payloadTypes } from "#lib/ssm-protocol/message.ts";
import type { Link } from "#lib/tunnel/transport.ts";
import { openSessionPool } from "#lib/tunnel/ssm/session-pool.ts";
import { type Clock, systemClock } from "#lib/base/clock.ts";
import { type FarEnd, madeUpBytes, sha256, startFarEnd, taskHeader } from "../conformance/far-end.ts";
import { openSessionScene, type SessionScene } from "../support/tunnel/session-link.ts";
import { download, openEcho, ping, take, upload } from "../support/tunnel/transfer.ts";

const megabyte = 1024 * 1024;
const { signal } = new AbortController();

let farEnd: FarEnd;
beforeAll(async () => {
  farEnd = await startFarEnd();
});
afterAll(async () => {
  await farEnd[Symbol.asyncDispose]();
});

describe("a session's socket", () => {
  test.each(["cut", { code: 1000, reason: "Bye" }] as const)(
    "that is lost is replaced under the streams (%j)",
    async (how) => {
      await using scene = await openSessionScene(farEnd);
      const link = await scene.open();
      const stream = await openEcho(link);
      for (let round = 1; round <= 5; round += 1) {
        scene.gateway.dropSockets(how);
        await ping(stream, `round ${round}`);
      }
      expect(scene.gateway.sessions()).toMatchObject([{ state: "open", reconnects: 5 }]);
    },
  );

  test("may be lost again and again under megabytes", async () => {
    await using scene = await openSessionScene(farEnd);
    const link = await scene.open();
    scene.gateway.faults = { cutEveryMs: 100 };
    await upload(link, 4 * megabyte);
    scene.gateway.faults = {};
    expect(scene.gateway.sessions()[0]?.reconnects).toBeGreaterThan(0);
    // What was under way to us the agent sends again one in 100 ms, so that there must not be much of it.
    for (let round = 0; round < 5; round += 1) {
      const taking = download(link, 20_000);
      scene.gateway.dropSockets("cut");
      await taking;
    }
  });

  test("that falls silent is noticed by its missing pong, and replaced", async () => {
    await using scene = await openSessionScene(farEnd);
    const link = await scene.open({ pingIntervalMs: 200, pongDeadlineMs: 100 });
    const stream = await openEcho(link);
    await ping(stream);
    scene.gateway.faults = { blackHole: true };
    // The socket after it opens, and is as silent.
    const losses = () => scene.log.filter((line) => line.includes("socket was lost")).length;
    await expect.poll(losses, { timeout: 5000 }).toBeGreaterThan(1);
    scene.gateway.faults = {};
    await ping(stream, "back");
    expect(link.vitals().state).toBe("live");
  });

  test("is not called silent while a reader that stopped holds everything up", async () => {
    await using scene = await openSessionScene(farEnd);
    const link = await scene.open({ pingIntervalMs: 400, pongDeadlineMs: 200 });
    const idle = await link.openStream(signal);
    idle.on("error", () => {});
    idle.write(taskHeader("send", 16 * megabyte));
    await expect.poll(() => link.vitals().silentMs, { timeout: 20_000 }).toBeGreaterThan(1000);
    expect([link.vitals().state, scene.gateway.sessions()[0]?.reconnects]).toEqual(["live", 0]);
    let bytes = 0;
    for await (const chunk of idle) bytes += (chunk as Buffer).length;
    expect(bytes).toBe(16 * megabyte);
  });

  test("that cannot be resumed at first is tried again, until it can", async () => {
    await using scene = await openSessionScene(farEnd);
    const link = await scene.open();
    const stream = await openEcho(link);
    scene.gateway.faults = { refuseResume: new AwsError("InternalServerError", "Try later.", { statusCode: 500 }) };
    scene.gateway.dropSockets("cut");
    await expect
      .poll(() => scene.log.filter((line) => line.includes("could not be resumed yet")).length)
      .toBeGreaterThan(2);
    scene.gateway.faults = {};
    await ping(stream);
  });

  test("that may no longer be resumed ends the link at once, with what to ask for", async () => {
    await using scene = await openSessionScene(farEnd);
    const link = await scene.open();
    scene.gateway.faults = { refuseResume: new AwsError("AccessDeniedException", "not authorized") };
    scene.gateway.dropSockets("cut");
    expect(await link.ended).toMatchObject({
      code: "aws.permission",
      message: expect.stringContaining("ssm:ResumeSession"),
    });
  });
});

describe("messages", () => {
  test("one in ten lost each way: ten megabytes up and down keep their SHA-256", async () => {
    const lane = { lose: 0.1 };
    // The agent sends one lost message again in 100 ms: with the real one's small payloads it would need minutes.
    await using scene = await openSessionScene(farEnd, { payloadBytes: 32 * 1024 });
    const link = await scene.open();
    scene.gateway.faults = { up: { ...lane, seed: 5 }, down: { ...lane, seed: 6 } };
    await Promise.all([upload(link, 10 * megabyte), download(link, 10 * megabyte)]);
    expect(link.vitals().state).toBe("live");
  }, 60_000);

  test("one in five hundred lost each way: a hundred megabytes up and down keep their SHA-256", async () => {
    await using scene = await openSessionScene(farEnd, { payloadBytes: 32 * 1024 });
    const link = await scene.open();
    const lane = { lose: 0.002 };
    scene.gateway.faults = { up: { ...lane, seed: 8 }, down: { ...lane, seed: 9 } };
    await upload(link, 100 * megabyte);
    await download(link, 100 * megabyte);
    expect(link.vitals().state).toBe("live");
  }, 300_000);

  test.each([1, 2, 3])(
    "lost, doubled, late and out of order, a fifth of them (seed %i)",
    async (seed) => {
      const lane = { lose: 0.2, duplicate: 0.2, reorder: 0.2, delay: { share: 0.2, ms: 20 } };
      await using scene = await openSessionScene(farEnd);
      const link = await scene.open();
      scene.gateway.faults = { up: { ...lane, seed }, down: { ...lane, seed: seed + 50 } };
      await Promise.all([upload(link, megabyte / 2), download(link, megabyte / 8)]);
      expect(link.vitals().state).toBe("live");
    },
    60_000,
  );

  test("a lost acknowledgement and a lost message after it do not stall the session", async () => {
    await using scene = await openSessionScene(farEnd);
    const link = await scene.open();
    const stream = await openEcho(link);
    await ping(stream);
    let losses = 0;
    const loseOnce = () => ((losses += 1) <= 2 ? ("lose" as const) : undefined);
    scene.gateway.faults = {
      up: { decide: ({ type }) => (type === "acknowledge" && losses === 0 ? loseOnce() : undefined) },
      down: {
        decide: ({ payloadType }) => (payloadType === payloadTypes.data && losses === 1 ? loseOnce() : undefined),
      },
    };
    await ping(stream, "one");
    await ping(stream, "two");
    await ping(stream, "three");
    expect(losses).toBe(2);
  });

  test("of the service that the agent left and came back change nothing", async () => {
    await using scene = await openSessionScene(farEnd);
    const link = await scene.open();
    const stream = await openEcho(link);
    scene.gateway.publish(false);
    scene.gateway.publish(true);
    await ping(stream);
    expect(link.vitals().state).toBe("live");
  });
});

describe("two hundred streams", () => {
  test("go on beside each other, one of them unread", async () => {
    await using scene = await openSessionScene(farEnd);
    const link = await scene.open();
    const unread = await link.openStream(signal);
    unread.on("error", () => {});
    unread.write(taskHeader("send", megabyte));
    const streams = await Promise.all(Array.from({ length: 200 }, async () => openEcho(link)));
    for (const text of ["first", "second", "third"]) await Promise.all(streams.map(async (one) => ping(one, text)));
    for (const stream of streams) stream.destroy();
    await expect.poll(() => farEnd.open).toBe(0);
    expect((await take(unread, megabyte)).length).toBe(megabyte);
  });
});

describe("a session ends", () => {
  test("with the reason of whoever closed it", async () => {
    await using scene = await openSessionScene(farEnd);
    const link = await scene.open();
    const stream = await openEcho(link);
    await ping(stream);
    scene.gateway.closeChannels("Terminated by the security team");
    const reason = await link.ended;
    expect(reason).toMatchObject({ code: "ssm.session-ended" });
    expect(reason?.message).toContain("Terminated by the security team");
    expect(stream.errored).toBe(reason);
  });

  test("when its agent acknowledges nothing for too long", async () => {
    await using scene = await openSessionScene(farEnd);
    const link = await scene.open({ giveUpMs: 500 });
    const stream = await openEcho(link);
    await ping(stream);
    scene.gateway.faults = { silentAgent: true };
    stream.write("anybody there?");
    expect(await link.ended).toMatchObject({ code: "ssm.lost", message: expect.stringContaining("acknowledged") });
  });

  test("for the agent, too, when the link is disposed and the call for it is refused", async () => {
    await using scene = await openSessionScene(farEnd);
    const link = await scene.open({ api: { ...scene.api, terminate: refuse } });
    await ping(await openEcho(link));
    await link[Symbol.asyncDispose]();
    await expect.poll(() => scene.gateway.sessions()[0]).toMatchObject({ state: "over", endedBy: "client" });
    await expect.poll(() => farEnd.open).toBe(0);
  });

  test("for AWS, too, when it is disposed without a socket; within two seconds", async () => {
    await using scene = await openSessionScene(farEnd);
    const link = await scene.open();
    scene.gateway.faults = { refuseResume: new AwsError("InternalServerError", "Try later.", { statusCode: 500 }) };
    scene.gateway.dropSockets("cut");
    await expect.poll(() => link.vitals().state).toBe("resuming");
    const startedAt = performance.now();
    await link[Symbol.asyncDispose]();
    expect(performance.now() - startedAt).toBeLessThan(2500);
    expect(scene.gateway.sessions()).toMatchObject([{ state: "over", endedBy: "api" }]);
  });
});

describe("a session that does not begin", () => {
  test("because its agent is silent is told after the time for the handshake, and ended", async () => {
    await using scene = await openSessionScene(farEnd, { faults: { silentAgent: true } });
    await expect(scene.open({ handshakeTimeoutMs: 300 })).rejects.toMatchObject({ code: "ssm.handshake" });
    expect(scene.gateway.sessions()).toMatchObject([{ state: "over" }]);
  });

  test.each([
    [403, "aws.permission", /ssmmessages:OpenDataChannel/u],
    [500, "ssm.lost", /HTTP 500/u],
  ] as const)("because its upgrade is answered with %i is told, and ended", async (status, code, message) => {
    await using scene = await openSessionScene(farEnd, { faults: { refuseUpgrade: status } });
    await expect(scene.open()).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(scene.gateway.sessions()).toMatchObject([{ state: "over" }]);
  });

  test("because the host has no address there is told by its silence", async () => {
    await using scene = await openSessionScene(farEnd, { database: () => undefined });
    const link = await scene.open({ answerWithinMs: 600 });
    const stream = await openEcho(link);
    expect(await link.ended).toMatchObject({ code: "ssm.host-unresolved" });
    expect(stream.errored).toMatchObject({ code: "ssm.host-unresolved" });
  });

  test("is not mistaken for one that has nothing to say while it takes what is sent", async () => {
    await using scene = await openSessionScene(farEnd);
    const link = await scene.open({ answerWithinMs: 600, paceBytesPerMs: 512 });
    await upload(link, megabyte);
    expect(link.vitals().state).toBe("live");
  });

  test("because nothing answers behind the bastion is told apart from that", async () => {
    await using scene = await openSessionScene(farEnd, { faults: { hangingDial: true } });
    const link = await scene.open({ answerWithinMs: 600 });
    await openEcho(link);
    expect(await link.ended).toMatchObject({ code: "ssm.no-answer" });
  });
});

describe("an agent without multiplexing", () => {
  test("carries one connection after the other, each its own bytes", async () => {
    await using scene = await openSessionScene(farEnd, { agentVersion: "3.0.196.0" });
    const link = await scene.open();
    await upload(link, megabyte);
    const sending = await link.openStream(signal);
    sending.write(taskHeader("send", megabyte));
    expect(sha256(await take(sending, megabyte))).toBe(sha256(madeUpBytes(megabyte)));
    // That the far end has closed, this protocol has no word for.
    sending.destroy();
    const first = await openEcho(link);
    await ping(first);
    let isOpen = false;
    const second = (async () => {
      const stream = await openEcho(link);
      isOpen = true;
      return stream;
    })();
    await ping(first, "still alone");
    expect(isOpen).toBe(false);
    const stop = new AbortController();
    const third = link.openStream(stop.signal);
    stop.abort(new Error("waited long enough"));
    await expect(third).rejects.toThrow("waited long enough");
    first.destroy();
    await ping(await second, "the next one");
  });

  test("survives a lost socket", async () => {
    await using scene = await openSessionScene(farEnd, { agentVersion: "3.0.196.0" });
    const link = await scene.open();
    const stream = await openEcho(link);
    scene.gateway.dropSockets("cut");
    await ping(stream);
    expect(scene.gateway.sessions()).toMatchObject([{ state: "open", reconnects: 1 }]);
  });
});

describe("an idle session", () => {
  /** Long waits take a hundredth of their time. */
  const hasty: Clock = {
    ...systemClock,
    sleep: async (ms, abort) => systemClock.sleep(ms >= 10_000 ? ms / 100 : ms, abort),
  };
  const rare = { pingIntervalMs: 1e7, pongDeadlineMs: 1e7 };

  test("is kept from ending only when that is asked for", async () => {
    await using scene = await openSessionScene(farEnd);
    const sent = (index: number) => scene.gateway.sessions()[index]?.up.messages["input_stream_data"] ?? 0;
    await scene.open({ ...rare, clock: hasty });
    await scene.open({ ...rare, clock: hasty, keepAlive: true });
    const before = sent(0);
    await expect.poll(() => sent(1), { timeout: 5000 }).toBeGreaterThan(before + 2);
    expect(sent(0)).toBe(before);
  });

  test("is kept from ending with an agent that would end it, in any case", async () => {
    await using scene = await openSessionScene(farEnd, { agentVersion: "3.1.1511.0" });
    await scene.open({ ...rare, clock: hasty });
    const sent = () => scene.gateway.sessions()[0]?.up.messages["input_stream_data"] ?? 0;
    await expect.poll(sent, { timeout: 5000 }).toBeGreaterThan(3);
  });
});

describe("several sessions as one link", () => {
  test("share the streams evenly", async () => {
    await using scene = await openSessionScene(farEnd);
    await using pool = await openPool(scene, 4);
    const streams = await Promise.all(Array.from({ length: 12 }, async () => openEcho(pool)));
    await Promise.all(streams.map(async (one) => ping(one)));
    expect(scene.gateway.sessions().map(({ agent }) => agent.openConnections)).toEqual([3, 3, 3, 3]);
  });

  test("one that dies takes its own streams along and is replaced; the others go on", async () => {
    await using scene = await openSessionScene(farEnd);
    await using pool = await openPool(scene, 2);
    const streams = [await openEcho(pool), await openEcho(pool)];
    await Promise.all(streams.map(async (one) => ping(one)));
    scene.gateway.closeChannels("one only", scene.gateway.sessions()[0]?.sessionId ?? "");
    await expect.poll(() => streams.filter(({ destroyed }) => destroyed).length).toBe(1);
    await Promise.all(streams.filter(({ destroyed }) => !destroyed).map(async (one) => ping(one)));
    await expect.poll(() => scene.gateway.sessions().filter(({ state }) => state === "open").length).toBe(2);
    await ping(await openEcho(pool));
  });

  test("all of which die end the link", async () => {
    await using scene = await openSessionScene(farEnd);
    await using pool = await openPool(scene, 2);
    scene.gateway.faults = { refuseStart: new AwsError("InternalServerError", "No.") };
    scene.gateway.closeChannels("all of them");
    expect(await pool.ended).toMatchObject({ code: "ssm.session-ended" });
    expect(pool.vitals()).toMatchObject({ state: "ended", openStreams: 0 });
  });
});

const refuse = async () => {
  throw new AwsError("AccessDeniedException", "No.");
};

async function openPool(scene: SessionScene, sessions: number): Promise<Link> {
  const log = { info: () => {}, warn: () => {} };
  return openSessionPool({ open: async () => scene.open(), sessions, clock: systemClock, log }, signal);
}
