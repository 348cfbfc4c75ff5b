import type { Command } from "commander";
import { elapsedMs, systemClock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import type { ReportTarget } from "#lib/doctor/report/target.ts";
import type { DoctorReport } from "#lib/protocol.ts";
import type { CommandContext } from "../command-context.ts";
import { openTarget, type StageTarget, type Target, type UrlTarget } from "../target.ts";
import { openDestination } from "../tunnel/destination.ts";
import { readTransportFlags, type TransportFlags } from "../tunnel/transport-options.ts";
import { examineStage } from "./examine-stage.ts";
import { examineTarget } from "./examine-target.ts";
import { examineUrl } from "./examine-url.ts";
import type { Observer } from "./observer.ts";
import { reportUnopened } from "./unopened-stage.ts";

/** What is to be examined, as often as somebody wants to look. */
export type Examination = {
  readonly target: ReportTarget;
  readonly look: (observer: Observer) => Promise<DoctorReport>;
};

/**
 * Finds what the flags name, and prints it before anything is examined.
 *
 * @param holdMs of --hold, which goes with --url
 * @throws PosternError `usage.invalid`; those of `openTarget` and `openDestination`
 */
export async function openExamination(
  command: Command,
  holdMs: number | undefined,
  context: CommandContext,
): Promise<Examination> {
  const target = namesFarEnd(command) ? undefined : await openOrSayWhy(command, context);
  if (holdMs !== undefined && (target === undefined || "verdict" in target || target.kind === "stage")) {
    throw new PosternError("usage.invalid", "--hold goes with --url, for instance through a tunnel's local port.");
  }
  if (target === undefined) return await openFarEnd(command, context);
  if ("verdict" in target) {
    context.output.note(`target: stage ${stageOf(command)}; AWS does not give its manifest`);
    return ofUnopened(target, command, context);
  }
  if (target.kind === "url" && command.getOptionValueSource("transport") === "cli") {
    throw new PosternError("usage.invalid", "--transport goes with --stage or --target: --url is reached from here.");
  }
  return target.kind === "url" ? ofUrl(target, holdMs, context) : ofStage(target, readTransportFlags(command), context);
}

async function openOrSayWhy(command: Command, context: CommandContext): Promise<Target | DoctorReport> {
  const startMs = systemClock.nowMs();
  try {
    return await openTarget(command, context);
  } catch (error) {
    return reportUnopened(error, elapsedMs(systemClock, startMs));
  }
}

function stageOf(command: Command): string {
  return command.opts<{ readonly stage?: string }>().stage ?? "";
}

/** Whether a database without a stage was typed; variables for the tunnel's own verb mean nothing here. */
function namesFarEnd(command: Command): boolean {
  const typed = ["stage", "url", "target", "host", "remotePort"].filter(
    (name) => command.getOptionValueSource(name) === "cli",
  );
  const [first] = typed;
  if (first === undefined || typed.every((name) => name === "stage" || name === "url")) return false;
  if (first !== "stage" && first !== "url") return true;
  throw new PosternError("usage.invalid", `--${first} says where the database is: expected no other target beside it.`);
}

async function openFarEnd(command: Command, context: CommandContext): Promise<Examination> {
  const flags = readTransportFlags(command);
  const destination = await openDestination(command, flags, context);
  if (destination.kind === "stage") throw new TypeError("a far end that is a stage");
  const { ca } = command.opts<{ readonly ca?: string }>();
  const { host, port } = destination.database;
  return {
    target: { name: destination.name, host, port, transport: flags.transport, isStage: false },
    look: async (observer) => examineTarget(destination, flags, ca, context, observer),
  };
}

function ofUrl({ address }: UrlTarget, holdMs: number | undefined, { signal }: CommandContext): Examination {
  const { host, port, database } = address;
  return {
    target: { name: `${database} at ${host}`, host, port, isStage: false },
    look: async (observer) => examineUrl({ address, holdMs, signal, observer }),
  };
}

/** Why AWS did not tell of the stage is the report; whoever watches waits for the moment when it does. */
function ofUnopened(first: DoctorReport, command: Command, context: CommandContext): Examination {
  const flags = readTransportFlags(command);
  let looks = 0;
  return {
    target: { name: `stage ${stageOf(command)}`, transport: flags.transport, isStage: true },
    look: async (observer) => {
      looks += 1;
      const found = looks === 1 ? first : await openOrSayWhy(command, context);
      if ("verdict" in found) return found;
      if (found.kind === "url") throw new TypeError("a stage that is a URL");
      return await examineStage(found, flags, context, observer);
    },
  };
}

function ofStage(opened: StageTarget, flags: TransportFlags, context: CommandContext): Examination {
  const { stage, region, database, proxy, tunnel, bastions } = opened.manifest;
  const isReachable = flags.transport !== "ssm" || (tunnel !== undefined && bastions.length > 0);
  let looks = 0;
  return {
    target: {
      name: `stage ${stage}`,
      host: database.host,
      port: database.port,
      ...(isReachable ? { transport: flags.transport } : {}),
      region,
      isStage: true,
      ...(proxy === undefined ? {} : { proxyHost: proxy.host }),
    },
    look: async (observer) => {
      looks += 1;
      const present = looks === 1 ? opened : await renew(opened, context);
      return await examineStage(present, flags, context, observer);
    },
  };
}

/** A stage as it is now: while somebody watches, it is deployed or started anew. */
async function renew(opened: StageTarget, { signal }: CommandContext): Promise<StageTarget> {
  const { fetchManifest } = await import("#lib/stage/manifest.ts");
  const access = await opened.findAccess();
  return { ...opened, access, manifest: await fetchManifest({ stage: opened.manifest.stage, access, signal }) };
}
