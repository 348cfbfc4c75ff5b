import { expect } from "vitest";
import type { TunnelOccurrence } from "#lib/tunnel/events.ts";
import { Supervisor, type SupervisorOptions } from "#lib/tunnel/supervisor.ts";
import { createSteppedClock } from "../stepped-clock.ts";
import { fakePostgres } from "./fake-postgres.ts";
import { createFakeTransport, type FakeOutcome } from "./fake-transport.ts";

/** A supervisor over a fake transport, in stepped time, without chance. Disposing it checks that nothing is left. */
export function startSupervisor(script: readonly FakeOutcome[] = [], options: Partial<SupervisorOptions> = {}) {
  const clock = createSteppedClock();
  const transport = createFakeTransport(fakePostgres());
  transport.script.push(...script);
  const told: TunnelOccurrence[] = [];
  const supervisor = new Supervisor({
    transport,
    clock,
    random: () => 0.999_999,
    onOccurrence: (occurrence) => told.push(occurrence),
    ...options,
  });
  return {
    clock,
    transport,
    supervisor,
    told,
    names: () => told.map(({ event }) => event),
    link: () => transport.links.at(-1),
    [Symbol.asyncDispose]: async () => {
      await supervisor[Symbol.asyncDispose]();
      expect(clock.sleeping).toBe(0);
      expect(transport.links.map((link) => link.vitals().state)).not.toContain("live");
      expect(supervisor.state.name).toBe("closed");
      expect(told.at(-1)?.event).toBe("closed");
    },
  };
}
