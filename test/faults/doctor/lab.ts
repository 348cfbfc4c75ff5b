import process from "node:process";
import { createAuthority, createServerCertificate } from "#lib/base/certificates.ts";
import { machineIsBusy } from "#lib/doctor/doubt.ts";
import { examine } from "#lib/doctor/examine.ts";
import { limitTime } from "#lib/doctor/time-limit.ts";
import { superuserAddress } from "#lib/local/postgres/server.ts";
import { isInstalled } from "../../support/debian.ts";
import { startLabNetwork, whyNoNetwork } from "../../support/faults/kernel/start-network.ts";
import { startTestServer } from "../../support/postgres.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import type { LabFault, LabWorld } from "./fault.ts";

export type LabRun = {
  readonly fault: string;
  readonly expected: readonly string[];
  readonly code: string;
  readonly evidence: string;
  readonly drawn: string;
  /** Draws the same again: `POSTERN_TEST_SEED`. */
  readonly seed: number;
  readonly draw: number;
  readonly ms: number;
  /** Of these, so many were a rest that was asked for. */
  readonly holdMs: number;
  /** And for so many the lab did not run, though it was due. */
  readonly missedMs: number;
  /** How often the doctor said that it could not tell because this machine was busy, and was asked again. */
  readonly busy: number;
};

export type LabOptions = {
  readonly world: LabWorld;
  readonly faults: readonly LabFault[];
  /** How often each fault is drawn. */
  readonly draws: number;
  readonly seed?: number;
  /** Default: 8. */
  readonly atOnce?: number;
  /** Asks again, so often at most, where the doctor says that its machine is busy. Default: never. */
  readonly whileBusy?: number;
  readonly onRun?: (run: LabRun) => void;
};

/** Most of a run is waiting for what does not come. */
const defaultAtOnce = 8;
const day = 24 * 60 * 60 * 1000;
const wholeMs = 30_000;

/** Makes each fault as often as asked for, has the doctor look at it, and tells what it said. */
export async function runLab(options: LabOptions): Promise<readonly LabRun[]> {
  const { world, faults, draws, atOnce = defaultAtOnce, whileBusy = 0, onRun } = options;
  const { seed } = options.seed === undefined ? seededRandom() : seededRandom(options.seed);
  const possible = faults.filter((fault) => isPossible(fault, world));
  const jobs = Array.from({ length: draws }, (_, draw) => possible.map((fault) => ({ fault, draw }))).flat();
  const runs: LabRun[] = [];
  const work = async () => {
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
      let busy = 0;
      let run = await runOnce(world, job.fault, seed, job.draw);
      while (isBusy(run) && busy < whileBusy) {
        busy += 1;
        run = { ...(await runOnce(world, job.fault, seed, job.draw)), busy };
      }
      runs.push(run);
      onRun?.(run);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return runs;
}

/** Whether this machine has what the fault is made with. */
export function isPossible({ needsNetwork, needsProgram }: LabFault, { network }: LabWorld): boolean {
  if (needsNetwork === true && network === undefined) return false;
  return needsProgram === undefined || isInstalled(needsProgram);
}

/** Those that this machine cannot make. */
export function skippedOf(faults: readonly LabFault[], world: LabWorld): readonly LabFault[] {
  return faults.filter((fault) => !isPossible(fault, world));
}

/** The doctor named nobody, and asks to be run again on a calmer machine. */
function isBusy({ code, evidence }: LabRun): boolean {
  return code === "ambiguous" && evidence.includes(machineIsBusy);
}

export function isRight({ expected, code }: LabRun): boolean {
  return expected.includes(code);
}

async function runOnce(world: LabWorld, fault: LabFault, seed: number, draw: number): Promise<LabRun> {
  await using broken = await fault.open(world, seededRandom(seedOf(seed, fault.name, draw)));
  const { address, drawn = "", holdMs } = broken;
  using whole = limitTime(wholeMs);
  const { signal } = whole;
  const report = await (broken.examine?.(signal) ??
    examine({ address, signal, ...(holdMs === undefined ? {} : { holdMs }) }));
  return {
    fault: fault.name,
    expected: fault.expected,
    code: report.verdict.code,
    evidence: report.verdict.evidence ?? "",
    drawn,
    seed,
    draw,
    ms: report.ms,
    holdMs: holdMs ?? 0,
    missedMs: whole.missedMs(),
    busy: 0,
  };
}

/** Another for each fault and draw, so that one more fault does not change the others. */
function seedOf(seed: number, name: string, draw: number): number {
  return Array.from(name).reduce(
    (hash, letter) => (Math.imul(hash, 31) + (letter.codePointAt(0) ?? 0)) | 0,
    seed + draw,
  );
}

/**
 * The server, the authority and the network that faults are made of.
 *
 * @param runFolder of the tests, or of the lab's own
 */
export async function startLabWorld(runFolder: string): Promise<LabWorld & AsyncDisposable> {
  await using starting = new AsyncDisposableStack();
  const server = starting.use(await startTestServer({ settings: { max_connections: "300" } }, runFolder));
  const reason = whyNoNetwork();
  if (reason !== undefined) process.stderr.write(`notice: faults of packets are skipped: ${reason}\n`);
  const network = reason === undefined ? starting.use(await startLabNetwork(server)) : undefined;
  const authority = await createAuthority("Lab authority", new Date(Date.now() - 1000 * day));
  const certificate = await createServerCertificate(authority, ["localhost", "127.0.0.1"], new Date());
  const opened = starting.move();
  return {
    server,
    address: superuserAddress(server),
    authority,
    certificate,
    runFolder,
    ...(network === undefined ? {} : { network }),
    [Symbol.asyncDispose]: async () => opened.disposeAsync(),
  };
}
