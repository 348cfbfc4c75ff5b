import type { ClusterStmt, IndexStmt, RefreshMatViewStmt, ReindexStmt, VacuumStmt } from "libpg-query";
import { combine, type Verdict } from "./hazard.ts";
import type { Scene } from "./scene.ts";
import { effectOn, hazardOn } from "./table.ts";

export function judgeCreateIndex({ relation, concurrent, idxname = "it" }: IndexStmt, scene: Scene): Verdict {
  const table = scene.table(relation);
  if (concurrent === true) {
    const rerun = `if the build fails, an invalid index ${idxname} is left behind, which a rerun has to drop first`;
    return {
      effects: effectOn(table, "SHARE UPDATE EXCLUSIVE", "build"),
      hazards: hazardOn(table, "index.invalid", `Built beside reads and writes; ${rerun}`, { severity: "notice" }),
    };
  }
  return {
    effects: effectOn(table, "SHARE", "build"),
    hazards: hazardOn(
      table,
      "index.blocking",
      "The index is built while nobody can write to the table; use CREATE INDEX CONCURRENTLY, in a migration of its own",
    ),
  };
}

export function judgeReindex({ kind, relation, params = [] }: ReindexStmt, scene: Scene): Verdict {
  const isConcurrent = params.some((param) => "DefElem" in param && param.DefElem.defname === "concurrently");
  const { schemaname, relname = "" } = relation ?? {};
  const table = kind === "REINDEX_OBJECT_INDEX" ? scene.tableOfIndex(schemaname, relname) : scene.table(relation);
  if (table === undefined || relation === undefined) return { effects: [], hazards: [] };
  if (isConcurrent) return { effects: effectOn(table, "SHARE UPDATE EXCLUSIVE", "build"), hazards: [] };
  return {
    effects: effectOn(table, "SHARE", "build"),
    hazards: hazardOn(
      table,
      "index.blocking",
      "REINDEX lets nobody write to the table, nor read through the index; use REINDEX CONCURRENTLY",
    ),
  };
}

/** CLUSTER and VACUUM FULL write the table anew; plain VACUUM and ANALYZE run beside everything but DDL. */
export function judgeCluster({ relation }: ClusterStmt, scene: Scene): Verdict {
  if (relation === undefined) return { effects: [], hazards: [] };
  const table = scene.table(relation);
  return {
    effects: effectOn(table, "ACCESS EXCLUSIVE", "rewrite"),
    hazards: hazardOn(table, "rewrite", "CLUSTER writes the table anew while nobody can read or write it"),
  };
}

export function judgeVacuum({ options = [], rels = [] }: VacuumStmt, scene: Scene): Verdict {
  const isFull = options.some((option) => "DefElem" in option && option.DefElem.defname === "full");
  return combine(
    rels.map((rel): Verdict => {
      const table = scene.table("VacuumRelation" in rel ? rel.VacuumRelation.relation : undefined);
      if (!isFull) return { effects: effectOn(table, "SHARE UPDATE EXCLUSIVE", "scan"), hazards: [] };
      return {
        effects: effectOn(table, "ACCESS EXCLUSIVE", "rewrite"),
        hazards: hazardOn(table, "rewrite", "VACUUM FULL writes the table anew while nobody can read or write it"),
      };
    }),
  );
}

export function judgeRefresh({ relation, concurrent }: RefreshMatViewStmt, scene: Scene): Verdict {
  const view = scene.table(relation);
  if (concurrent === true) return { effects: effectOn(view, "EXCLUSIVE", "scan"), hazards: [] };
  return {
    effects: effectOn(view, "ACCESS EXCLUSIVE", "rewrite"),
    hazards: hazardOn(
      view,
      "rewrite",
      "The view is filled anew while nobody can read it; REFRESH … CONCURRENTLY lets them",
    ),
  };
}
