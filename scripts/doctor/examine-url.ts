import { systemClock } from "#lib/base/clock.ts";
import { examine } from "#lib/doctor/examine.ts";
import { adviseOnTls, type KnownAuthorities } from "#lib/doctor/tls-advice.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import type { DoctorReport } from "#lib/protocol.ts";
import type { Observer } from "./observer.ts";

export type ExamineUrlOptions = {
  readonly address: DatabaseAddress;
  readonly holdMs: number | undefined;
  readonly signal: AbortSignal;
  readonly observer: Observer;
};

/** The walk from here to a database; where TLS settings are the trouble, with those that work. */
export async function examineUrl({ address, holdMs, signal, observer }: ExamineUrlOptions): Promise<DoctorReport> {
  const { onStep, onSecret } = observer;
  if (address.password !== undefined) onSecret(address.password);
  const report = await examine({
    address,
    signal,
    onStep: (step) => onStep("here", step),
    ...(holdMs === undefined ? {} : { holdMs }),
  });
  const connection = await adviseOnTls({ address, report, known: readKnownAuthorities, signal });
  return connection === undefined ? report : { ...report, connection };
}

/** Loaded here: a hundred certificates that a server whose TLS is well does not need. */
async function readKnownAuthorities(): Promise<KnownAuthorities> {
  const { loadRdsAuthorities } = await import("#lib/postgres/rds-authorities.ts");
  const { regions, amazon } = await loadRdsAuthorities(systemClock.wallTime());
  return { rds: new Map([...regions].map(([region, roots]) => [region, [...roots, ...amazon].map(String)])) };
}
