import { type Command, Option } from "commander";
import { type HistoryCode, historyOverrides } from "#lib/contract.ts";

/** What each flag does. None changes what is pending, and each holds for this run alone. */
const descriptions = {
  "history.edited":
    "a file that was edited after it was applied counts as applied as it is; the database is not touched",
  "history.missing-file": "rows of migrations that the folder does not have are left alone",
  "history.out-of-order": "a migration older than an applied one is applied now, after the newer ones",
  "history.database-ahead": "rows that are newer than the whole folder are left alone",
  "history.duplicate": "a migration that is recorded twice counts as applied once; its rows are left alone",
  "history.half-applied": "what has run of a migration that was renamed or removed is left as it is",
  "history.unlisted-file": "an SQL file that is none of the folder's migrations is passed over",
} as const satisfies Record<HistoryCode, string>;

const codes = Object.keys(historyOverrides) as readonly HistoryCode[];

/** Gives a verb one flag for each thing that may contradict between folder and database. */
export function addOverrideOptions(command: Command): Command {
  for (const code of codes) {
    command.addOption(new Option(`--${historyOverrides[code]}`, `Danger: ${descriptions[code]}`).env(variableOf(code)));
  }
  return command;
}

/** The findings that the flags let be. */
export function readOverrides(command: Command): readonly HistoryCode[] {
  return codes.filter((code) => {
    const name = new Option(`--${historyOverrides[code]}`).attributeName();
    const source = command.getOptionValueSource(name);
    return source === "env" || source === "cli";
  });
}

function variableOf(code: HistoryCode): string {
  return `POSTERN_${historyOverrides[code].toUpperCase().replaceAll("-", "_")}`;
}
