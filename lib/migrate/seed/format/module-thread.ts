import { type MessagePort, parentPort } from "node:worker_threads";
import { pathToFileURL } from "node:url";
import * as v from "valibot";
import { parseInput } from "#lib/base/config.ts";
import { PosternError } from "#lib/base/errors.ts";
import type { SeedTable } from "./module.ts";
import { writtenNumber } from "./raw-json.ts";
import { describeModuleError } from "./module-words.ts";
import type { LoadedModule, ModuleFailure, ModuleFile, ModuleReply, ModuleRequest } from "./module-messages.ts";

/** The thread that seed modules run in; `modules.ts` starts it and says why it is one. */
const port = parentPort as MessagePort;

const names = v.pipe(
  v.array(v.pipe(v.string(), v.nonEmpty())),
  v.nonEmpty("expected at least one column"),
  v.check((list) => new Set(list).size === list.length, "a column is named twice"),
);

const moduleSchema = v.object({
  seed: v.looseObject(
    {
      table: v.pipe(v.string(), v.nonEmpty()),
      columns: names,
      conflict: v.optional(names),
      rows: v.function(),
    },
    "expected an export named `seed`",
  ),
});

/** A message holds about so much, and is sent as soon as it took so long: whoever watches sees slow rows, too. */
const most = { rows: 500, characters: 1_000_000, ms: 100 };

type Reading = {
  readonly file: ModuleFile;
  readonly seed: SeedTable;
  readonly iterator: Iterator<unknown> | AsyncIterator<unknown>;
  done: number;
};

const modules = new Map<string, SeedTable>();
const readings = new Map<number, Reading>();

port.on("message", (request: ModuleRequest) => {
  void answer(request).then((reply) => reply !== undefined && port.postMessage(reply));
});

async function answer(request: ModuleRequest): Promise<ModuleReply | undefined> {
  const { id } = request;
  try {
    switch (request.type) {
      case "load":
        return { id, type: "loaded", module: await load(request.file) };
      case "open":
        readings.set(request.reading, begin(request.file));
        return { id, type: "opened" };
      case "next":
        return { id, type: "rows", ...(await readOn(request.reading)) };
      case "close":
        await close(request.reading);
        return undefined;
      default:
        return request satisfies never;
    }
  } catch (error) {
    return { id, type: "failed", failure: toFailure(error) };
  }
}

async function load({ name, path }: ModuleFile): Promise<LoadedModule> {
  let exports: unknown;
  try {
    exports = { ...(await import(pathToFileURL(path).href)) };
  } catch (error) {
    throw invalid(describeModuleError(`${name} cannot be loaded`, error));
  }
  parseInput(moduleSchema, exports, { what: name, code: "seed.invalid-file" });
  const { seed } = exports as { readonly seed: SeedTable };
  modules.set(path, seed);
  return { table: seed.table, columns: [...seed.columns], conflict: seed.conflict && [...seed.conflict] };
}

function begin(file: ModuleFile): Reading {
  const seed = modules.get(file.path);
  if (seed === undefined) throw invalid(`${file.name} was not loaded.`);
  try {
    const rows: Partial<Iterable<unknown> & AsyncIterable<unknown>> = seed.rows();
    const iterator = rows[Symbol.asyncIterator]?.() ?? rows[Symbol.iterator]?.();
    if (iterator === undefined) throw new Error("rows() gave nothing that can be iterated");
    return { file, seed, iterator, done: 0 };
  } catch (error) {
    throw invalid(describeModuleError(`${file.name} failed after row 0`, error));
  }
}

/** The next rows. What fails behind some of them is told with them. */
async function readOn(
  number: number,
): Promise<{ readonly rows: unknown[][]; readonly isDone: boolean; readonly failure?: ModuleFailure }> {
  const reading = readings.get(number);
  if (reading === undefined) return { rows: [], isDone: true };
  const { iterator, file } = reading;
  const rows: unknown[][] = [];
  let characters = 0;
  const endMs = performance.now() + most.ms;
  try {
    while (rows.length < most.rows && characters < most.characters && performance.now() < endMs) {
      const next = await iterator.next();
      if (next.done === true) return { rows, isDone: true };
      // A module may give promises of rows.
      const row = takeRow(reading, await next.value);
      characters += sizeOf(row);
      rows.push(row);
    }
    return { rows, isDone: false };
  } catch (error) {
    const failure =
      error instanceof PosternError
        ? error
        : invalid(describeModuleError(`${file.name} failed after row ${reading.done}`, error));
    return { rows, isDone: true, failure: toFailure(failure) };
  }
}

function takeRow(reading: Reading, row: unknown): unknown[] {
  const { file, seed } = reading;
  reading.done += 1;
  if (!Array.isArray(row) || row.length !== seed.columns.length) {
    const seen = Array.isArray(row) ? `has ${row.length} of` : "is no array of";
    throw invalid(`${file.name} row ${reading.done} ${seen} ${seed.columns.length} values.`);
  }
  for (const [index, value] of row.entries()) {
    if (isPlain(value)) continue;
    const column = seed.columns[index] ?? "";
    throw invalid(`${file.name} row ${reading.done}: column ${column} has a value that JSON cannot hold.`);
  }
  return row;
}

/** What another thread gets as it is: of an instance of a class it would get the fields alone, of a function nothing. */
function isPlain(value: unknown): boolean {
  if (typeof value === "function" || typeof value === "symbol") return false;
  if (typeof value !== "object" || value === null) return true;
  if (Array.isArray(value)) return value.every(isPlain);
  if (value instanceof Date) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (writtenNumber(value) !== undefined || (prototype !== null && prototype !== Object.prototype)) return false;
  return Object.values(value).every(isPlain);
}

function sizeOf(row: readonly unknown[]): number {
  return row.reduce<number>((sum, value) => sum + (typeof value === "string" ? value.length : 8), 0);
}

async function close(number: number): Promise<void> {
  const reading = readings.get(number);
  readings.delete(number);
  await Promise.resolve(reading?.iterator.return?.()).catch(() => undefined);
}

function invalid(message: string): PosternError {
  return new PosternError("seed.invalid-file", message);
}

function toFailure(error: unknown): ModuleFailure {
  if (!(error instanceof PosternError)) return { message: describeModuleError("A seed module failed", error) };
  return { message: error.message, hint: error.hint };
}
