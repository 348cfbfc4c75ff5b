import { describe, expect, test } from "vitest";
import { startSupervisor } from "../../support/tunnel/supervisor-scene.ts";

const { signal } = new AbortController();

describe("a link that resumes", () => {
  test("keeps its streams while it resumes; new clients are held until it is back", async () => {
    await using scene = startSupervisor();
    await scene.clock.advance(1_000);
    const link = scene.link();
    const stream = await link?.openStream(signal);
    Object.assign(link ?? {}, { isResuming: true, isBlackHole: true });
    await scene.clock.advance(60_000);
    expect(scene.names()).toEqual(["up", "degraded"]);
    const held = scene.supervisor.openStream(signal);
    await scene.clock.advance(5_000);
    Object.assign(link ?? {}, { isResuming: false, isBlackHole: false });
    await scene.clock.advance(500);
    expect(scene.names()).toEqual(["up", "degraded", "up"]);
    expect([stream?.destroyed, scene.transport.attempts]).toEqual([false, 1]);
    (await held).destroy();
  });

  test("is replaced when a client has waited long enough for it to get another within its ten seconds", async () => {
    await using scene = startSupervisor();
    await scene.clock.advance(1_000);
    Object.assign(scene.link() ?? {}, { isResuming: true });
    scene.supervisor.checkSoon();
    await scene.clock.advance(0);
    const held = scene.supervisor.openStream(signal);
    await scene.clock.advance(8_500);
    expect(scene.names()).toEqual(["up", "degraded", "down", "reconnecting", "up"]);
    (await held).destroy();
  });

  test("takes no new client while it resumes: who comes waits, and gets another link within ten seconds", async () => {
    await using scene = startSupervisor();
    await scene.clock.advance(1_000);
    const first = scene.link();
    Object.assign(first ?? {}, { isResuming: true });
    const held = scene.supervisor.openStream(signal);
    await scene.clock.advance(0);
    expect(scene.supervisor.state).toMatchObject({ name: "degraded", reason: { code: "endpoint.silent" } });
    expect(first?.vitals().openStreams).toBe(0);
    await scene.clock.advance(7_900);
    expect(scene.names()).toEqual(["up", "degraded"]);
    await scene.clock.advance(600);
    expect(scene.names()).toEqual(["up", "degraded", "down", "reconnecting", "up"]);
    (await held).destroy();
  });

  test("serves who came while it resumed, also when it is back before anybody has noticed", async () => {
    await using scene = startSupervisor();
    await scene.clock.advance(1_000);
    Object.assign(scene.link() ?? {}, { isResuming: true });
    const held = scene.supervisor.openStream(signal);
    Object.assign(scene.link() ?? {}, { isResuming: false });
    await scene.clock.advance(0);
    (await held).destroy();
    expect([scene.names(), scene.transport.attempts]).toEqual([["up"], 1]);
  });

  test("is degraded within a second of it when it begins to resume, also while nobody comes", async () => {
    await using scene = startSupervisor();
    await scene.clock.advance(1_200);
    Object.assign(scene.link() ?? {}, { isResuming: true });
    await scene.clock.advance(1_000);
    expect(scene.names()).toEqual(["up", "degraded"]);
  });

  test("is replaced for a client, too, that has a stream of it and no answer yet", async () => {
    await using scene = startSupervisor();
    await scene.clock.advance(1_000);
    const client = scene.supervisor.expectAnswer();
    await scene.clock.advance(3_000);
    Object.assign(scene.link() ?? {}, { isResuming: true });
    await scene.clock.advance(4_900);
    expect(scene.names()).toEqual(["up", "degraded"]);
    await scene.clock.advance(600);
    expect(scene.names()).toEqual(["up", "degraded", "down", "reconnecting", "up"]);
    client[Symbol.dispose]();
  });
});
