import { join, resolve } from "node:path";
import { type Command, Option } from "commander";
import type { BundledAuthorities } from "#lib/bundle/authorities.ts";
import { buildFunctions } from "#lib/bundle/build.ts";
import type { CommandContext } from "../command-context.ts";
import { alignColumns } from "../style.ts";

type BuildFlags = { readonly region?: string; readonly rdsCa?: string };

const help = `
Writes the bundles that a deploy takes and that the local stage runs, into dist/functions.

ca.pem in each names the CAs that the functions accept: the RDS roots of one region, which is --region, else AWS_REGION
or the profile's, and Amazon's roots for RDS Proxy. For a region that the list lacks, --rds-ca names a PEM file with its
RDS roots. Without a region there is no ca.pem, and the functions accept Node's roots, none of which is an RDS root.

Examples:
  $ postern build --region eu-central-1
  $ postern build --rds-ca il-central-1-bundle.pem`;

export function registerBuild(command: Command, { root, output, signal }: CommandContext): void {
  command
    .addOption(new Option("--region <region>", "AWS region of the databases to trust").env("POSTERN_REGION"))
    .addOption(new Option("--rds-ca <file>", "PEM file with the RDS roots, instead of the list").env("POSTERN_RDS_CA"))
    .addHelpText("after", help)
    .action(async (flags: BuildFlags) => {
      const rdsCaFile = flags.rdsCa === undefined ? undefined : resolve(flags.rdsCa);
      const region = flags.region ?? (rdsCaFile === undefined ? await findRegion() : undefined);
      const outDir = join(root, "dist", "functions");
      const { info, authorities, parts } = await buildFunctions({ root, outDir, region, rdsCaFile, signal });
      output.note(describeAuthorities(authorities));
      const folders = Object.fromEntries(Object.entries(parts).map(([part, { dir }]) => [part, dir]));
      const ca = authorities && { ...authorities.from, names: authorities.names, expired: authorities.expired };
      output.result({ ...info, folders, ca: ca ?? null }, () =>
        [
          ...alignColumns(Object.entries(folders)),
          `version ${info.version}${info.gitCommit === undefined ? "" : `, commit ${info.gitCommit}`}`,
        ].join("\n"),
      );
    });
}

async function findRegion(): Promise<string | undefined> {
  return await (await import("#lib/stage/aws-region.ts")).findAwsRegion();
}

function describeAuthorities(authorities: BundledAuthorities | undefined): string {
  if (authorities === undefined) {
    return "no ca.pem: no region is set, so the functions accept Node's roots, none of which is an RDS root. Name it with --region.";
  }
  const { from, names, expired } = authorities;
  const source = "region" in from ? `RDS in ${from.region}` : from.rdsCaFile;
  const rest = expired.length === 0 ? "" : `; left out as expired: ${expired.join(", ")}`;
  return `ca.pem: ${names.length} certificates, of ${source} and of Amazon for RDS Proxy${rest}`;
}
