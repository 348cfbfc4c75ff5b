import { describe, expect, test } from "vitest";
import { PosternError } from "#lib/base/errors.ts";
import { fakePostgres } from "../../support/tunnel/fake-postgres.ts";
import { connectedPair, lost } from "../../support/tunnel/fake-transport.ts";
import { startSupervisor } from "../../support/tunnel/supervisor-scene.ts";

const { signal } = new AbortController();
const refused = () => new PosternError("ssm.refused", "The bastion reached no PostgreSQL.");
const forbidden = () => new PosternError("aws.permission", "You may not start a session.");

describe("the first link", () => {
  test("is up when PostgreSQL has answered through it", async () => {
    await using scene = startSupervisor();
    expect(scene.supervisor.state).toMatchObject({ name: "connecting", attempt: 1 });
    await scene.clock.advance(0);
    expect(scene.told).toEqual([{ event: "up", reconnects: 0, ms: 0 }]);
    expect(await scene.supervisor.whenUp(signal)).toBe(scene.link());
  });

  test("is tried again for a reason that may pass, with growing pauses", async () => {
    await using scene = startSupervisor([lost(), refused(), lost()]);
    await scene.clock.advance(200 + 400 + 800);
    expect(scene.names()).toEqual(["reconnecting", "reconnecting", "reconnecting", "up"]);
    expect(scene.told).toMatchObject([
      { attempt: 2, delayMs: 200, reason: { code: "ssm.lost" } },
      { attempt: 3, delayMs: 400, reason: { code: "ssm.refused" } },
      { attempt: 4, delayMs: 800 },
      { reconnects: 0, ms: 1400 },
    ]);
    expect(scene.supervisor.failedAttempts).toBe(3);
  });

  test("ends with a lasting reason, and whoever waits is told it", async () => {
    await using scene = startSupervisor([lost(), forbidden()]);
    const waiting = scene.supervisor.whenUp(signal);
    waiting.catch(() => {});
    await scene.clock.advance(1_000);
    await expect(waiting).rejects.toMatchObject({ code: "aws.permission" });
    expect(await scene.supervisor.ended).toMatchObject({ code: "aws.permission" });
    expect(scene.told.at(-1)).toMatchObject({ event: "closed", reason: { code: "aws.permission" } });
    await expect(scene.supervisor.whenUp(signal)).rejects.toMatchObject({ code: "aws.permission" });
  });

  test("without PostgreSQL's answer is none: it is closed, and opened anew", async () => {
    await using scene = startSupervisor();
    scene.transport.farEnd = fakePostgres("silent");
    await scene.clock.advance(4_000);
    expect(scene.told).toMatchObject([{ event: "reconnecting", reason: { code: "endpoint.silent" } }]);
    expect(scene.link()?.vitals().state).toBe("ended");
    scene.transport.farEnd = fakePostgres("N");
    await scene.clock.advance(200);
    expect(scene.supervisor.state.name).toBe("up");
  });

  test("that hangs is given up after the deadline", async () => {
    await using scene = startSupervisor(["hang"]);
    await scene.clock.advance(29_999);
    expect(scene.told).toEqual([]);
    await scene.clock.advance(201);
    expect(scene.told).toMatchObject([{ event: "reconnecting", reason: { code: "tcp.timeout" } }, { event: "up" }]);
  });

  test("is not waited for after a dispose, nor after an abort", async () => {
    const scene = startSupervisor(["hang"]);
    const stop = new AbortController();
    const [kept, left] = [scene.supervisor.whenUp(signal), scene.supervisor.whenUp(stop.signal)];
    kept.catch(() => {});
    stop.abort(new Error("no patience"));
    await expect(left).rejects.toThrow("no patience");
    await scene[Symbol.asyncDispose]();
    await expect(kept).rejects.toMatchObject({ code: "aborted" });
    expect(await scene.supervisor.ended).toBeUndefined();
  });
});

describe("a link that ended", () => {
  test("is replaced at once", async () => {
    await using scene = startSupervisor();
    await scene.clock.advance(10_000);
    scene.link()?.cut();
    await scene.clock.advance(0);
    expect(scene.told.slice(1)).toMatchObject([
      { event: "down", reason: { code: "ssm.lost" } },
      { event: "reconnecting", attempt: 1, delayMs: 0 },
      { event: "up", reconnects: 1, ms: 0 },
    ]);
  });

  test("is tried for for ever, also for lasting reasons: a login may be renewed while the port stays", async () => {
    await using scene = startSupervisor();
    await scene.clock.advance(10_000);
    scene.transport.script.push(...Array.from({ length: 40 }, forbidden));
    scene.link()?.cut();
    await scene.clock.advance(3_600_000);
    expect(scene.transport.attempts).toBe(42);
    expect(scene.told.at(-1)).toMatchObject({ event: "up", reconnects: 1 });
  });

  test("has a first pause when it lived for a moment only", async () => {
    await using scene = startSupervisor();
    for (const pauseMs of [200, 400, 800, 1600]) {
      await scene.clock.advance(1_000);
      scene.link()?.cut();
      await scene.clock.advance(pauseMs);
    }
    const delays = scene.told.flatMap((one) => (one.event === "reconnecting" ? one.delayMs : []));
    expect(delays).toEqual([200, 400, 800, 1600]);
  });

  test("no retry is left: it says so, and is closed", async () => {
    await using scene = startSupervisor([], { maxRetries: 2 });
    await scene.clock.advance(10_000);
    scene.transport.script.push(refused(), refused(), refused());
    scene.link()?.cut();
    await scene.clock.advance(10_000);
    expect(scene.names()).toEqual([
      "up",
      "down",
      "reconnecting",
      "reconnecting",
      "reconnecting",
      "maxRetriesExceeded",
      "closed",
    ]);
    expect(scene.told.at(-2)).toMatchObject({ attempts: 3, reason: { code: "ssm.refused" } });
    const { hint } = refused();
    expect(hint).toBeDefined();
    expect(await scene.supervisor.ended).toMatchObject({
      code: "tunnel.max-retries",
      message: expect.stringMatching(/the last was: .* \[ssm\.refused\]$/u),
      hint,
    });
    expect(scene.transport.attempts).toBe(4);
  });

  test("a client that waits shortens the pause", async () => {
    await using scene = startSupervisor();
    await scene.clock.advance(10_000);
    scene.transport.script.push(...Array.from({ length: 7 }, lost));
    scene.link()?.cut();
    // Far enough for a pause of 12.8 s to be under way.
    await scene.clock.advance(200 + 400 + 800 + 1600 + 3200 + 6400 + 1_000);
    expect(scene.supervisor.state).toMatchObject({ name: "reconnecting", attempt: 8 });
    const stream = scene.supervisor.openStream(signal);
    await scene.clock.advance(0);
    expect(scene.supervisor.state.name).toBe("up");
    (await stream).destroy();
  });
});

describe("health", () => {
  test("is asked for as often as told, through a stream of its own", async () => {
    await using scene = startSupervisor([], { healthIntervalMs: 1_000 });
    let asked = 0;
    const answers = scene.transport.farEnd;
    scene.transport.farEnd = async (stop) => {
      asked += 1;
      return await answers(stop);
    };
    await scene.clock.advance(10_500);
    expect(asked).toBe(11);
    expect(scene.link()?.vitals().openStreams).toBe(0);
  });

  test("a link into which bytes vanish is degraded, and then replaced", async () => {
    await using scene = startSupervisor();
    await scene.clock.advance(1_000);
    const first = scene.link();
    Object.assign(first ?? {}, { isBlackHole: true });
    await scene.clock.advance(14_000 + 4_000);
    expect(scene.supervisor.state).toMatchObject({ name: "degraded", reason: { code: "endpoint.silent" } });
    await scene.clock.advance(500 + 2_500);
    expect(scene.names()).toEqual(["up", "degraded", "down", "reconnecting", "up"]);
    expect(scene.transport.links).toHaveLength(2);
    expect(first?.vitals()).toMatchObject({ state: "ended", openStreams: 0 });
  });

  test("a link that answers the second time stays", async () => {
    await using scene = startSupervisor();
    await scene.clock.advance(0);
    scene.transport.farEnd = () => Promise.reject(refused());
    await scene.clock.advance(15_000);
    expect(scene.supervisor.state.name).toBe("degraded");
    scene.transport.farEnd = fakePostgres();
    await scene.clock.advance(500);
    expect(scene.names()).toEqual(["up", "degraded", "up"]);
    expect(scene.told.at(-1)).toMatchObject({ reconnects: 0, ms: 500 });
    expect(scene.transport.links).toHaveLength(1);
  });

  test("a client whose stream could not be opened has it asked for at once, and gets one from the next link", async () => {
    await using scene = startSupervisor();
    await scene.clock.advance(1_000);
    const first = scene.link();
    scene.transport.farEnd = async (stop) =>
      scene.link() === first ? Promise.reject(refused()) : await fakePostgres()(stop);
    const stream = scene.supervisor.openStream(signal);
    await scene.clock.advance(1_000);
    expect(scene.names()).toEqual(["up", "degraded", "down", "reconnecting", "up"]);
    (await stream).destroy();
  });
});

describe("a link that is silent for a reason of its own", () => {
  test("stays up while it delivers: over a slow network the answer stands in a queue", async () => {
    await using scene = startSupervisor();
    await scene.clock.advance(1_000);
    const [near, far] = connectedPair();
    scene.transport.farEnd = async () => await Promise.resolve(near);
    const download = await scene.link()?.openStream(signal);
    download?.resume();
    Object.assign(scene.link() ?? {}, { isBlackHole: true });
    for (let second = 0; second < 60; second += 1) {
      far.write("a row");
      await scene.clock.advance(1_000);
    }
    expect([scene.names(), scene.transport.attempts]).toEqual([["up"], 1]);
    scene.transport.farEnd = fakePostgres();
    await scene.clock.advance(60_000);
    expect(scene.names()).toEqual(["up", "degraded", "down", "reconnecting", "up"]);
  });

  test("stays up while one of its readers holds up the others", async () => {
    await using scene = startSupervisor();
    await scene.clock.advance(1_000);
    Object.assign(scene.link() ?? {}, { isBusy: true, isBlackHole: true });
    await scene.clock.advance(3_600_000);
    expect([scene.names(), scene.transport.attempts]).toEqual([["up"], 1]);
  });
});

describe("a machine that slept", () => {
  test("has PostgreSQL asked within a second, and a link that is well kept", async () => {
    await using scene = startSupervisor();
    await scene.clock.advance(500);
    let asked = 0;
    scene.transport.farEnd = async (stop) => {
      asked += 1;
      return await fakePostgres()(stop);
    };
    scene.clock.suspend(3_600_000);
    await scene.clock.advance(1_000);
    expect([asked, scene.transport.attempts]).toEqual([1, 1]);
  });

  test("has a dead link redialled within three seconds of waking", async () => {
    await using scene = startSupervisor();
    await scene.clock.advance(500);
    Object.assign(scene.link() ?? {}, { isBlackHole: true });
    scene.clock.suspend(3_600_000);
    await scene.clock.advance(3_000);
    expect(scene.names()).toEqual(["up", "down", "reconnecting", "up"]);
  });

  test("wakes from a long pause, and from an attempt that hangs", async () => {
    await using scene = startSupervisor();
    await scene.clock.advance(10_000);
    scene.transport.script.push(...Array.from({ length: 8 }, lost), "hang");
    scene.link()?.cut();
    await scene.clock.advance(30_000);
    expect(scene.transport.attempts).toBe(9);
    scene.clock.suspend(60_000);
    await scene.clock.advance(1_000);
    expect(scene.transport.attempts).toBe(10);
    scene.clock.suspend(60_000);
    await scene.clock.advance(1_000);
    expect(scene.supervisor.state.name).toBe("up");
    expect(scene.supervisor.failedAttempts).toBe(8);
  });
});

describe("the database's name", () => {
  test("that leads elsewhere means a new link", async () => {
    let answer = ["10.0.1.5", "10.0.1.6"];
    await using scene = startSupervisor([], { resolve: async () => await Promise.resolve(answer) });
    await scene.clock.advance(20_000);
    answer = ["10.0.1.6"];
    await scene.clock.advance(20_000);
    expect(scene.transport.attempts).toBe(1);
    answer = ["10.0.2.7"];
    await scene.clock.advance(20_000);
    expect(scene.transport.attempts).toBe(2);
    expect(scene.told.at(-3)).toMatchObject({ event: "down", reason: { message: expect.stringContaining("address") } });
    await scene.clock.advance(60_000);
    expect(scene.transport.attempts).toBe(2);
  });

  test("that leads elsewhere means one attempt: the end of the old link does not break it off", async () => {
    let answer = ["10.0.1.5"];
    await using scene = startSupervisor([], { resolve: async () => await Promise.resolve(answer) });
    await scene.clock.advance(20_000);
    const goodbye = Promise.withResolvers<void>();
    const slow = Promise.withResolvers<void>();
    Object.assign(scene.link() ?? {}, { goodbye: goodbye.promise });
    const { farEnd } = scene.transport;
    scene.transport.farEnd = async (stop) => {
      if (scene.transport.attempts === 2) await slow.promise;
      return await farEnd(stop);
    };
    answer = ["10.0.2.7"];
    await scene.clock.advance(10_000);
    expect(scene.transport.attempts).toBe(2);
    goodbye.resolve();
    await scene.clock.advance(0);
    slow.resolve();
    await scene.clock.advance(0);
    expect(scene.names()).toEqual(["up", "down", "reconnecting", "up"]);
    expect(scene.supervisor.failedAttempts).toBe(0);
  });

  test("that cannot be looked up means nothing", async () => {
    const answers: Promise<string[]>[] = [Promise.resolve(["10.0.1.5"])];
    await using scene = startSupervisor([], { resolve: async () => (await answers.at(-1)) ?? [] });
    await scene.clock.advance(20_000);
    const failed = Promise.reject<string[]>(new Error("ENOTFOUND"));
    failed.catch(() => {});
    answers.push(failed);
    await scene.clock.advance(20_000);
    answers.push(new Promise(() => {}));
    await scene.clock.advance(60_000);
    expect(scene.transport.attempts).toBe(1);
    expect(scene.names()).toEqual(["up"]);
  });
});
