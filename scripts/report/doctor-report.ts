import { type Ladder, laddersOf, stateOf, warningBeside } from "#lib/doctor/report/ladder.ts";
import { type Hop, pathsOf, type PartState, type Way } from "#lib/doctor/report/path.ts";
import { plainText } from "#lib/doctor/report/plain-text.ts";
import { mapTexts } from "#lib/doctor/report/map-texts.ts";
import type { ReportTarget } from "#lib/doctor/report/target.ts";
import type { DoctorReport, DoctorVerdict, ProbeReport } from "#lib/protocol.ts";
import type { Style } from "../style.ts";
import { wrap } from "./wrap.ts";

export type DoctorView = {
  readonly target: ReportTarget;
  readonly style: Style;
  /** Of the terminal. */
  readonly columns: number;
};

/**
 * A ladder for each vantage: the hops of its way, then each step with its time, the broken one marked; in the end the
 * verdict, what proves it, and the fix. Strangers' texts are made plain.
 */
export function describeDoctorReport(report: DoctorReport, view: DoctorView): string {
  const { probes, verdict, ms, connection } = mapTexts(report, (text) => plainText(text));
  const target = mapTexts(view.target, (text) => plainText(text));
  const ladders = laddersOf({ probes, verdict, ms }, pathsOf({ probes, verdict, ms }, target));
  const describeLadder = ({ name, steps, way }: Ladder) => {
    const heading = [view.style.strong(name), ...(way === undefined ? [] : [describeWay(way, view)])];
    return [heading.join("  "), ...describeSteps(steps, probes, view), ""];
  };
  return [
    ...ladders.flatMap(describeLadder),
    ...describeVerdict(verdict, view, ms),
    ...(connection === undefined ? [] : [field("tls", connection.text, view), field("use", connection.url, view)]),
  ].join("\n");
}

/** While somebody watches: when it became what, why, and what to do. */
export function describeChange(from: string, to: DoctorReport, at: Date, view: Omit<DoctorView, "target">): string {
  const { verdict, ms } = mapTexts(to, (text) => plainText(text));
  const time = `${at.toISOString().slice(0, 19).replace("T", " ")} UTC`;
  const heading = `${view.style.dim(time)}  ${plainText(from)} → ${view.style.strong(verdict.code)}`;
  return [heading, ...describeVerdict(verdict, view, ms)].join("\n");
}

function field(name: string, text: string, { style, columns }: Omit<DoctorView, "target">): string {
  return `${style.dim(name.padEnd(4))}  ${wrap(text, columns, 6)}`;
}

function describeVerdict(verdict: DoctorVerdict, view: Omit<DoctorView, "target">, ms: number): string[] {
  const { style, columns } = view;
  const { code, summary, fix, evidence, ranked = [] } = verdict;
  const isWell = code === "ok";
  return [
    `${(isWell ? style.good : style.bad)(code)}  ${wrap(summary, columns - code.length, 0)} ${style.dim(`(${ms} ms)`)}`,
    ...(evidence === undefined ? [] : [field("seen", evidence, view)]),
    ...ranked.map((one) => field("or", `${one.code}: to settle it, ${one.settle}`, view)),
    ...(isWell ? [] : [field("fix", fix, view)]),
  ];
}

/** Which bastion, and of a URL which server: all else is in every line of its stage. */
function describeWay({ hops, links }: Way, { target, style }: DoctorView): string {
  const isTold = ({ kind }: Hop) => kind === "bastion" || (kind === "database" && !target.isStage);
  const parts = hops.flatMap((hop, index) => {
    const link = links[index - 1];
    const text = hop.detail === "" || !isTold(hop) ? hop.name : `${hop.name} ${hop.detail}`;
    return [...(link === undefined ? [] : [paint(link.state, "→", style)]), paint(hop.state, text, style)];
  });
  return parts.join(" ");
}

/** A hop or an arrow of the way; only what is broken or doubtful is coloured, and has its mark. */
function paint(state: PartState, text: string, style: Style): string {
  switch (state) {
    case "broken":
      return style.bad(`✗ ${text}`);
    case "warned":
      return style.warn(`! ${text}`);
    case "passed":
      return text;
    case "unknown":
      return style.dim(text);
    default:
      return state satisfies never;
  }
}

const narrow = 60;

function describeSteps(own: readonly ProbeReport[], all: readonly ProbeReport[], { style, columns }: DoctorView) {
  const nameWidth = Math.max(...all.map(({ name }) => name.length));
  const timeWidth = Math.max(...all.map(({ ms }) => String(ms).length)) + 3;
  const indent = columns < narrow ? 4 : nameWidth + timeWidth + 8;
  return own.flatMap((probe) => {
    const { name, ms, detail } = probe;
    const warning = warningBeside(probe);
    const head = `${name.padEnd(nameWidth)}  ${`${ms} ms`.padStart(timeWidth)}`;
    const gap = columns < narrow ? "\n    " : "  ";
    const text = `${head}${detail === "" ? "" : `${gap}${wrap(detail, columns, indent)}`}`;
    const state = stateOf(probe);
    if (state === "broken") return [style.bad(`  ✗ ${text}`)];
    if (state === "passed") return [`  ${style.good("✓")} ${text}`];
    const beside = warning === undefined ? [] : [`${" ".repeat(indent)}${style.warn(wrap(warning, columns, indent))}`];
    return [`  ${style.warn("!")} ${text}`, ...beside];
  });
}
