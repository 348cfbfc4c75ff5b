import type { DropStmt, Node, TruncateStmt } from "libpg-query";
import { combine, type Hazard, type Verdict } from "./hazard.ts";
import type { Scene } from "./scene.ts";
import { effectOn, hazardOn, type Table } from "./table.ts";

/** DROP of anything, by what goes with it. */
export function judgeDrop({ objects = [], removeType, behavior, concurrent }: DropStmt, scene: Scene): Verdict {
  const isCascade = behavior === "DROP_CASCADE";
  const names = objects.map((object) => readName(object));
  switch (removeType) {
    case "OBJECT_TABLE":
    case "OBJECT_FOREIGN_TABLE":
    case "OBJECT_MATVIEW":
      return combine(names.map((name) => dropTable(scene.tableNamed(name.schema, name.name), scene, isCascade)));
    case "OBJECT_SCHEMA":
      return combine(names.map(({ name }) => dropSchema(name, scene, isCascade)));
    case "OBJECT_INDEX":
      return combine(names.map((name) => dropIndex(scene.tableOfIndex(name.schema, name.name), concurrent === true)));
    case "OBJECT_SEQUENCE":
      return { effects: [], hazards: [loseObject("sequence", names, "where it stood is lost", true)] };
    case "OBJECT_VIEW":
      return {
        effects: names.flatMap((name) => effectOn(scene.tableNamed(name.schema, name.name), "ACCESS EXCLUSIVE")),
        hazards: [loseObject("view", names, "code that reads it breaks", isCascade)],
      };
    case "OBJECT_POLICY":
      return {
        effects: objects.flatMap((object) => effectOn(ownerOf(object, scene), "ACCESS EXCLUSIVE")),
        hazards: [
          {
            code: "rows.exposed",
            severity: "warning",
            message: "A policy is dropped: rows that it kept from somebody may be open to them",
            destructive: true,
          },
        ],
      };
    case "OBJECT_TRIGGER":
    case "OBJECT_RULE":
      return {
        effects: objects.flatMap((object) => effectOn(ownerOf(object, scene), "ACCESS EXCLUSIVE")),
        hazards: [],
      };
    case "OBJECT_EXTENSION":
      if (isCascade) return { effects: [], hazards: [dropOther(removeType, names, isCascade)] };
      return { effects: [], hazards: [loseObject("extension", names, "its tables and functions go with it", true)] };
    default:
      return { effects: [], hazards: [dropOther(removeType ?? "OBJECT_TYPE", names, isCascade)] };
  }
}

export function judgeTruncate({ relations = [], behavior }: TruncateStmt, scene: Scene): Verdict {
  const cascade = behavior === "DROP_CASCADE" ? ", and of every table that refers to it" : "";
  return combine(
    relations.map((relation): Verdict => {
      const table = scene.table("RangeVar" in relation ? relation.RangeVar : undefined);
      const severity = table.size === "empty" && cascade === "" ? "warning" : "danger";
      return {
        effects: effectOn(table, "ACCESS EXCLUSIVE", "rewrite"),
        hazards: hazardOn(table, "truncate", `Every row of it is gone${cascade}`, { severity, destructive: true }),
      };
    }),
  );
}

/** Objects whose loss nothing above covers: DROP DATABASE, DROP OWNED… */
export function judgeDropWhole(what: string): Verdict {
  const message = `${what}: all that it holds is gone.`;
  return { effects: [], hazards: [{ code: "drop.object", severity: "danger", message, destructive: true }] };
}

function dropTable(table: Table, scene: Scene, isCascade: boolean): Verdict {
  scene.dropTable(table);
  const cascade = isCascade ? ", with CASCADE what depends on it too" : "";
  return {
    effects: [table, ...scene.referencedBy(table)].flatMap((locked) => effectOn(locked, "ACCESS EXCLUSIVE")),
    hazards: hazardOn(table, "drop.table", `The table and its rows are gone${cascade}`, {
      severity: table.size === "empty" && !isCascade ? "warning" : "danger",
      destructive: true,
    }),
  };
}

function dropSchema(name: string, scene: Scene, isCascade: boolean): Verdict {
  const tables = scene.facts.relations.filter(({ schema, kind }) => schema === name && "rpmf".includes(kind));
  if (tables.length === 0 && !isCascade) return { effects: [], hazards: [] };
  const what = tables.length === 0 ? "" : `, with ${tables.length} tables (${listNames(tables)})`;
  const message = `Schema ${name} and everything in it is gone${what}.`;
  return {
    effects: tables.flatMap((table) => effectOn(scene.tableNamed(table.schema, table.name), "ACCESS EXCLUSIVE")),
    hazards: [{ code: "drop.schema", severity: "danger", message, destructive: true }],
  };
}

function dropIndex(table: Table | undefined, isConcurrent: boolean): Verdict {
  if (table === undefined) return { effects: [], hazards: [] };
  if (isConcurrent) return { effects: effectOn(table, "SHARE UPDATE EXCLUSIVE"), hazards: [] };
  return { effects: effectOn(table, "ACCESS EXCLUSIVE"), hazards: [] };
}

/** CASCADE on a type, a domain or an extension takes the columns of that type along. */
function dropOther(removeType: string, names: readonly ObjectName[], isCascade: boolean): Hazard {
  const kind = removeType.replace("OBJECT_", "").toLowerCase().replaceAll("_", " ");
  if (!isCascade) return loseObject(kind, names, "code that uses it breaks", false);
  const message = `DROP ${kind.toUpperCase()} ${listNames(names)} CASCADE drops everything that depends on it, columns included.`;
  return { code: "drop.cascade", severity: "danger", message, destructive: true };
}

function loseObject(kind: string, names: readonly ObjectName[], consequence: string, destructive: boolean): Hazard {
  const message = `The ${kind} ${listNames(names)} is dropped: ${consequence}.`;
  return { code: "drop.object", severity: "warning", message, destructive };
}

type ObjectName = { readonly schema: string | undefined; readonly name: string };

/** The grammar has a list of names, one name, a type name or a routine with its arguments. */
function readName(object: Node): ObjectName {
  if ("String" in object) return { schema: undefined, name: object.String.sval ?? "" };
  const parts = partsOf(object).flatMap((part) => ("String" in part ? [part.String.sval ?? ""] : []));
  return { schema: parts.at(-2), name: parts.at(-1) ?? "" };
}

function partsOf(object: Node): readonly Node[] {
  if ("List" in object) return object.List.items ?? [];
  if ("TypeName" in object) return object.TypeName.names ?? [];
  return "ObjectWithArgs" in object ? (object.ObjectWithArgs.objname ?? []) : [];
}

/** `DROP TRIGGER name ON table` is one list, the trigger's own name last. */
function ownerOf(object: Node, scene: Scene): Table {
  const parts = partsOf(object).flatMap((part) => ("String" in part ? [part.String.sval ?? ""] : []));
  return scene.tableNamed(parts.at(-3), parts.at(-2) ?? "");
}

function listNames(names: readonly { readonly name: string }[]): string {
  const shown = names.slice(0, 5).map(({ name }) => name);
  return names.length > shown.length ? `${shown.join(", ")}…` : shown.join(", ");
}
