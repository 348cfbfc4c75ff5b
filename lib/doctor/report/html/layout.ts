import type { HopKind } from "../hops.ts";
import type { Hop, Link, PartState, Way } from "../path.ts";

export type Box = { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
export type PlacedHop = { readonly hop: Hop; readonly box: Box };
export type PlacedLink = {
  readonly link: Link;
  readonly from: readonly [number, number];
  readonly to: readonly [number, number];
};
export type Layout = {
  readonly width: number;
  readonly height: number;
  readonly hops: readonly PlacedHop[];
  readonly links: readonly PlacedLink[];
  /** Around what is inside the VPC; absent where that is not known. */
  readonly vpc?: Box;
};

/** `across` for wide screens, from left to right; `down` for narrow ones and for paper. */
export type Direction = "across" | "down";

/** Lengths along the way and beside it, in pixels at full size. */
const measures = {
  across: { hop: 188, link: 120, shortLink: 92, lane: 68, between: 44 },
  down: { hop: 60, link: 66, shortLink: 66, lane: 148, between: 16 },
} as const;
const margin = 14;
const headroom = 24;
/**
 * A lane for each way and a column for each rank. What several ways have in common is one box over their lanes, as bad as the
 * worst that was seen of it; a way without a hop of some rank leads past that column.
 */
export function layOut(ways: readonly Way[], direction: Direction): Layout {
  const columns = columnsOf(ways);
  const { hop, lane, between, ...lengths } = measures[direction];
  const link = columns.length > 4 ? lengths.shortLink : lengths.link;
  const along = (kind: HopKind) => columns.indexOf(ranks[kind]) * (hop + link);
  const beside = (row: number) => row * (lane + between);
  const turn = (main: number, cross: number): readonly [number, number] =>
    direction === "across" ? [main, cross] : [cross, main];
  const boxOf = (kind: HopKind, row: number, rows: number): Box => {
    const [x, y] = turn(along(kind), beside(row));
    const [width, height] = turn(hop, beside(rows) - between);
    return { x: x + margin, y: y + headroom, width, height };
  };
  const hops = Array.from(
    Map.groupBy(
      ways.flatMap((way, row) => way.hops.map((one) => ({ one, row }))),
      ({ one }) => one.kind,
    ),
    ([kind, same]) => ({
      hop: worstOf(same.map(({ one }) => one)),
      box: boxOf(kind, same[0]?.row ?? 0, same.length),
    }),
  );
  const links = ways.flatMap((way, row) =>
    way.links.map((one, index) => {
      // Downwards, what is written beside the arrow needs the room.
      const cross = beside(row) + (direction === "across" ? lane / 2 : 24);
      const point = (main: number): readonly [number, number] => {
        const [x, y] = turn(main, cross);
        return [x + margin, y + headroom];
      };
      const [from, to] = [way.hops[index], way.hops[index + 1]];
      return {
        link: one,
        from: point(along(from?.kind ?? "here") + hop),
        to: point(along(to?.kind ?? "database")),
      };
    }),
  );
  const [width, height] = turn((columns.length - 1) * (hop + link) + hop, beside(ways.length) - between);
  const vpc = frameOf(hops);
  return {
    width: width + 2 * margin,
    height: height + headroom + margin,
    hops,
    links,
    ...(vpc === undefined ? {} : { vpc }),
  };
}

/** How far from where it begins. */
const ranks: Readonly<Record<HopKind, number>> = {
  here: 0,
  gateway: 1,
  bastion: 2,
  function: 2,
  proxy: 3,
  database: 4,
};

function columnsOf(ways: readonly Way[]): readonly number[] {
  const used = ways.flatMap(({ hops }) => hops.map(({ kind }) => ranks[kind]));
  return [...new Set(used)].toSorted((one, other) => one - other);
}

const fromBadToUnknown: readonly PartState[] = ["broken", "warned", "passed", "unknown"];

function worstOf(hops: readonly Hop[]): Hop {
  const [worst] = hops.toSorted(
    (one, other) => fromBadToUnknown.indexOf(one.state) - fromBadToUnknown.indexOf(other.state),
  );
  if (worst === undefined) throw new TypeError("the worst of no hops");
  return worst;
}

/** Where the function is, the bastion and all behind it are inside, too. */
function frameOf(hops: readonly PlacedHop[]): Box | undefined {
  if (!hops.some(({ hop }) => hop.kind === "function")) return undefined;
  const boxes = hops.filter(({ hop }) => ranks[hop.kind] >= ranks.function).map(({ box }) => box);
  const left = Math.min(...boxes.map(({ x }) => x)) - margin + 2;
  const top = Math.min(...boxes.map(({ y }) => y)) - headroom + 2;
  const right = Math.max(...boxes.map(({ x, width }) => x + width)) + margin - 2;
  const bottom = Math.max(...boxes.map(({ y, height }) => y + height)) + margin - 2;
  return { x: left, y: top, width: right - left, height: bottom - top };
}
