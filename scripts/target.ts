import { join, resolve } from "node:path";
import { type Command, Option } from "commander";
import { systemClock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import { localStageName, type Manifest } from "#lib/contract.ts";
import { type DatabaseAddress, describeAddress, parseDatabaseUrl } from "#lib/postgres/address.ts";
import { rdsRegionOf } from "#lib/postgres/rds-host.ts";
import { readCaFile } from "#lib/postgres/tls.ts";
import type { AwsAccess } from "#lib/stage/aws-access.ts";
import { parseStageName } from "#lib/stage/stage-name.ts";
import type { CommandContext } from "./command-context.ts";
import { findPassword } from "./options/password.ts";
import { stageFlags } from "./stage-flags.ts";

/** What a verb acts on: a deployed stage, through its functions, or a database, right from here. */
export type Target = StageTarget | UrlTarget;

export type StageTarget = {
  readonly kind: "stage";
  readonly manifest: Manifest;
  readonly access: AwsAccess;
  /** What a command needs to find it again, as it is typed. */
  readonly flags: string;
  /** The access as it is now: each start of the local stage makes another. For what outlives one. */
  readonly findAccess: () => Promise<AwsAccess>;
};

export type UrlTarget = { readonly kind: "url"; readonly address: DatabaseAddress };

type TargetFlags = { readonly stage?: string; readonly url?: string; readonly ca?: string; readonly data?: string };

const urlHelp = `
Without --ca, verify-full (the default) trusts Node's roots. At a host of RDS (….REGION.rds.amazonaws.com) it trusts the
RDS roots of that region and Amazon's instead, unless the URL says sslrootcert=system.

A password in --url is visible to others in the process list: leave it out and set PGPASSWORD or PGPASSFILE, or set
POSTERN_URL instead of the flag.`;

/** Gives a verb the flags that say what it acts on. */
export function addTargetOptions(command: Command): Command {
  return command
    .addOption(new Option("--stage <name>", "act through this stage's functions").env("POSTERN_STAGE"))
    .addOption(new Option("--url <url>", "act on this database, from here: postgres://USER@HOST/DB").env("POSTERN_URL"))
    .addOption(new Option("--ca <file>", "trust the CAs in this PEM file (with --url)").env("POSTERN_CA"))
    .addOption(
      new Option("--data <dir>", "data folder of the local stage (default: .postern/local)").env("POSTERN_DATA"),
    )
    .addHelpText("after", urlHelp);
}

/**
 * Finds the target that the flags name, and prints it before anything acts on it.
 *
 * @throws PosternError `usage.invalid` for both or none; `url.invalid`; those of `fetchManifest`
 */
export async function openTarget(command: Command, context: CommandContext): Promise<Target> {
  const { stage, url, ca, data } = chooseTarget(command);
  if (stage !== undefined && command.getOptionValueSource("ca") === "cli") {
    throw new PosternError("usage.invalid", "--ca goes with --url: a stage's functions bring their own CAs.");
  }
  if (stage !== undefined) return await openStage(parseStageName(stage), data, context);
  if (url === undefined) throw new PosternError("usage.invalid", "No target was given: expected --stage or --url.");
  const { address: parsed, trusted } = await readUrl(url, ca);
  const password = parsed.password ?? (await findPassword(parsed, context.env));
  const address = password === undefined ? parsed : { ...parsed, password };
  context.output.note(`target: ${describeAddress(address)} as ${address.user}, from here${trusted}`);
  return { kind: "url", address };
}

/** `trusted` says whose certificates are accepted where that was chosen by the host's name. */
async function readUrl(url: string, caFile: string | undefined) {
  const named = caFile === undefined ? {} : { ca: await readCaFile(caFile) };
  let trusted = "";
  const findCa = async (name: string) => {
    const region = rdsRegionOf(name);
    if (region === undefined) return undefined;
    // Loaded here: a hundred certificates that no other host needs.
    const { findRdsAuthorities } = await import("#lib/postgres/rds-authorities.ts");
    const found = await findRdsAuthorities(region, systemClock.wallTime());
    trusted =
      found === undefined
        ? `; the RDS CAs of ${region} are not known: name them with --ca`
        : `, trusting RDS in ${region}`;
    return found;
  };
  return { address: await parseDatabaseUrl(url, { ...named, findCa }), trusted };
}

/** The command line wins over the environment; two targets from the same place are a contradiction. */
function chooseTarget(command: Command): TargetFlags {
  const flags = command.opts<TargetFlags>();
  if (flags.stage === undefined || flags.url === undefined) return flags;
  const stageSource = command.getOptionValueSource("stage");
  const urlSource = command.getOptionValueSource("url");
  if (stageSource === urlSource) {
    throw new PosternError("usage.invalid", "Two targets were given: expected --stage or --url, not both.");
  }
  const { stage, url, ...others } = flags;
  return stageSource === "cli" ? { ...others, stage } : { ...others, url };
}

/**
 * A stage by its name, printed before anything acts on it.
 *
 * @param dataDir the local stage's data folder; undefined: the usual one
 * @throws PosternError those of `fetchManifest`
 */
export async function openStage(
  stage: string,
  dataDir: string | undefined,
  context: CommandContext,
): Promise<StageTarget> {
  // Loaded here: AWS clients cost a tenth of a second that --url need not wait for.
  const [{ findAccess }, { fetchManifest }] = await Promise.all([
    import("#lib/stage/local-credentials.ts"),
    import("#lib/stage/manifest.ts"),
  ]);
  const localFile = join(
    dataDir === undefined ? join(context.root, ".postern", "local") : resolve(dataDir),
    "aws.json",
  );
  const findNow = async () => findAccess({ stage, localFile, env: context.env });
  const access = await findNow();
  const manifest = await fetchManifest({ stage, access, signal: context.signal });
  const { database, region } = manifest;
  const kind = manifest.protected ? "protected stage" : "stage";
  context.output.note(
    `target: ${kind} ${manifest.stage} in ${region}, ${describeAddress({ ...database, database: database.name })}`,
  );
  const flags = stageFlags(stage, stage === localStageName ? dataDir : undefined);
  return { kind: "stage", manifest, access, flags, findAccess: findNow };
}
