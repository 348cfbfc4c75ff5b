import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { readIfPresent, writeWhole } from "#lib/base/private-file.ts";
import { openStateFolder, writeState } from "./state-folder.ts";
import { portAfter, preferredPort } from "./tunnel-key.ts";

export type PortChoice = {
  readonly folder: string;
  readonly key: string;
  /** A stage's name, or a target's id. */
  readonly name: string;
  readonly isFree: (port: number) => Promise<boolean>;
};

/** More than that many taken ports in a row, and the port is not what is wrong. */
const maxTries = 100;

/**
 * The local port of a tunnel, for ever the same on this machine: what was chosen the first time, taken or not (a client has it in
 * its settings). The first time it is the preferred one, or the next that is free and no other tunnel's.
 *
 * @throws PosternError `data.unwritable`
 */
export async function choosePort({ folder, key, name, isFree }: PortChoice): Promise<number> {
  const ports = await openStateFolder(folder, "ports");
  const known = await readPort(join(ports, key));
  if (known !== undefined) return known;
  const others = await otherPorts(ports);
  let port = preferredPort(name);
  for (let tries = 1; tries < maxTries && (others.has(port) || !(await isFree(port))); tries += 1)
    port = portAfter(port);
  await writeState(ports, async () => writeWhole(join(ports, key), `${port}\n`));
  return port;
}

/** The port that was chosen for a tunnel, where one was. */
export async function rememberedPort(folder: string, key: string): Promise<number | undefined> {
  return await readPort(join(folder, "ports", key));
}

async function otherPorts(ports: string): Promise<ReadonlySet<number>> {
  const found = await Promise.all((await readdir(ports)).map(async (file) => readPort(join(ports, file))));
  return new Set(found.filter((port) => port !== undefined));
}

async function readPort(file: string): Promise<number | undefined> {
  const text = (await readIfPresent(file).catch(() => undefined))?.trim() ?? "";
  const port = /^\d{1,5}$/u.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : undefined;
}
