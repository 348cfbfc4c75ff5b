/**
 * Start-up of each Lambda bundle beside handlers that only import what everybody needs: milliseconds from spawn to the
 * first `next` of AWS's runtime client, in turns, so that a busy machine slows all alike.
 *
 *     npm run bench:start-up -- [--rounds 15] [--json]
 */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { deflateRawSync } from "node:zlib";
import { build, type Metafile, stop } from "esbuild";
import { systemClock } from "#lib/base/clock.ts";
import { buildFunctions } from "#lib/bundle/build.ts";
import { bundleOptions } from "#lib/bundle/esbuild.ts";
import { findMainPath, gzippedSize } from "#lib/bundle/main-path.ts";
import { startEnvironment } from "#lib/local/lambda/environment.ts";

type Contender = { readonly name: string; readonly dir: string; readonly metafile: Metafile };

/** Built as the functions are; `reference` is what the goals are measured against. */
const reference = "pg + Secrets Manager";
const references = {
  nothing: "",
  pg: 'import pg from "pg"; globalThis.used = pg.Client;',
  [reference]:
    'import pg from "pg"; import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager"; globalThis.used = [pg.Client, SecretsManagerClient];',
};

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "15" }, json: { type: "boolean", default: false } },
});
const root = join(import.meta.dirname, "..");
const workDir = await mkdtemp(join(tmpdir(), "postern-bench-"));
try {
  const contenders = [...(await buildReferences()), ...(await buildParts())];
  const times = await measure(contenders, Number(values.rounds));
  const base = median(times.get(reference) ?? []);
  const rows = await Promise.all(
    contenders.map(async ({ name, dir, metafile }) => {
      const sorted = (times.get(name) ?? []).toSorted((left, right) => left - right);
      const mainPath = findMainPath(metafile);
      return {
        name,
        medianMs: toDigits(median(sorted)),
        minMs: toDigits(sorted[0] ?? Number.NaN),
        maxMs: toDigits(sorted.at(-1) ?? Number.NaN),
        ratio: toDigits(median(sorted) / base, 2),
        zippedKb: toDigits((await zippedSize(dir)) / 1024),
        mainPathGzippedKb: toDigits((await gzippedSize(dir, mainPath)) / 1024),
      };
    }),
  );
  process.stdout.write(
    values.json ? `${JSON.stringify({ reference, rounds: Number(values.rounds), rows })}\n` : table(rows),
  );
} finally {
  await rm(workDir, { recursive: true, force: true });
}

async function buildReferences(): Promise<Contender[]> {
  const built = await Promise.all(
    Object.entries(references).map(async ([name, imports], index) => {
      const dir = join(workDir, `reference-${index}`);
      const contents = `${imports}\nexport const handler = async () => "ok";`;
      const { metafile } = await build({
        ...bundleOptions,
        stdin: { contents, resolveDir: root, sourcefile: "index.js" },
        entryNames: "index",
        outdir: dir,
      });
      return { name, dir, metafile };
    }),
  );
  await stop();
  return built;
}

async function buildParts(): Promise<Contender[]> {
  const { parts } = await buildFunctions({ root, outDir: join(workDir, "functions") });
  return Object.entries(parts).map(([name, { dir, metafile }]) => ({ name, dir, metafile }));
}

async function measure(contenders: readonly Contender[], rounds: number): Promise<Map<string, number[]>> {
  const times = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  // The first round warms the file cache and does not count.
  for (let round = -1; round < rounds; round += 1) {
    for (const { name, dir } of contenders) {
      const ms = await startOnce(dir);
      if (round >= 0) times.get(name)?.push(ms);
    }
  }
  return times;
}

async function startOnce(bundleDir: string): Promise<number> {
  const config = { name: "bench", bundleDir, handler: "index.handler", env: {}, timeoutMs: 10_000 };
  const start = performance.now();
  await using environment = await startEnvironment({ config, region: "local", clock: systemClock, onLine: () => {} });
  await environment.ready;
  const ms = performance.now() - start;
  if (environment.initMs() === undefined) throw new Error(`The bundle in ${bundleDir} does not load.`);
  return ms;
}

/** Bytes of the folder as a zip file: each file deflated, with its two headers, and the end of the directory. */
async function zippedSize(dir: string): Promise<number> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const sizes = await Promise.all(
    files.map(async (file) => {
      const content = deflateRawSync(await readFile(file), { level: 9 });
      return content.length + 30 + 46 + 2 * Buffer.byteLength(relative(dir, file));
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 22);
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

function toDigits(value: number, digits = 1): number {
  return Number(value.toFixed(digits));
}

function table(rows: readonly Record<string, string | number>[]): string {
  const names = Object.keys(rows[0] ?? {});
  const lines = [names, ...rows.map((row) => names.map((name) => String(row[name])))];
  const widths = names.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const render = (line: readonly string[]) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ");
  return `${lines.map((line) => render(line).trimEnd()).join("\n")}\n`;
}
