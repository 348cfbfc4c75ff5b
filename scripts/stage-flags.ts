import { resolve } from "node:path";
import { quoteShell } from "./quote-shell.ts";

/** What a command needs to find the local stage, beside its name: the line is there to be pasted, from any folder. */
export function dataFlag(data: string | undefined): string[] {
  return data === undefined ? [] : [`--data ${quoteShell(resolve(data))}`];
}

/** What a command needs to find a stage. */
export function stageFlags(stage: string, data: string | undefined): string {
  return [`--stage ${stage}`, ...dataFlag(data)].join(" ");
}

/** A text with commands of ours in it, so that they find the stage. Those of SST know no data folder. */
export function withStageFlags(text: string, stage: string, flags: string): string {
  return text.replaceAll(/(postern [a-z-]+) --stage ([\w-]+)/gu, (whole, command: string, name: string) =>
    name === stage ? `${command} ${flags}` : whole,
  );
}
