import { describe, expect, test } from "vitest";
import { runChaos } from "../../../bench/tunnel/chaos/run.ts";
import { faultKinds } from "../../../bench/tunnel/chaos/schedule.ts";
import { createTestDatabase } from "../../support/postgres.ts";
import { seededRandom } from "../../support/seeded-random.ts";

/** Shorter than the defaults, so that an agent that is gone without a word is noticed within seconds. */
const tunnel = { healthIntervalMs: 500, healthDeadlineMs: 2_000 };

describe("chaos on the way to the database", () => {
  test("loses nothing that was acknowledged, and nothing is read wrongly", { timeout: 120_000 }, async () => {
    const { seed } = seededRandom();
    await using database = await createTestDatabase();
    const { host, port, user, password } = database.address;
    const config = { host, port, user, password, database: database.name, ssl: { ca: database.caPem } };
    const chaos = await runChaos({ config, seed, clients: 6, faults: faultKinds.length, ms: 0, tunnel });
    const { findings, faults, acknowledged, reconnects } = chaos;
    expect({ seed, findings }).toEqual({ seed, findings: [] });
    expect(faults.map(({ kind }) => kind).toSorted()).toEqual(faultKinds.toSorted());
    // At least the session that was ended, the one that was forgotten, and the one whose agent died.
    expect(reconnects).toBeGreaterThanOrEqual(3);
    expect(acknowledged).toBeGreaterThan(100);
    // What keeps its session costs no client anything.
    const kept = new Set(["close", "cut", "lose", "duplicate", "reorder", "delay", "pause"]);
    expect({ seed, lost: faults.filter(({ kind, errors }) => kept.has(kind) && errors > 0) }).toEqual({
      seed,
      lost: [],
    });
  });
});
