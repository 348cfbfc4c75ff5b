/** The page's one style sheet: no font, image or colour comes from elsewhere. Light, dark, narrow and on paper. */
export const sheet = `
:root {
  color-scheme: light dark;
  --paper: #ffffff; --card: #f6f7f9; --ink: #16191d; --soft: #565d66; --line: #d5dae0;
  --good: #17743a; --good-back: #e9f6ee; --warn: #8a5700; --warn-back: #fdf3de; --bad: #b3161d; --bad-back: #fdecec;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171b; --card: #1d2126; --ink: #e9ecef; --soft: #a5adb7; --line: #363d46;
    --good: #62cc8b; --good-back: #16301f; --warn: #efb74c; --warn-back: #35290f; --bad: #ff8f8c; --bad-back: #3d1a1c;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main, header, footer { max-width: 1136px; margin: 0 auto; padding: 0 20px; }
header { padding-top: 28px; }
h1 { font-size: 1.75rem; line-height: 1.25; margin: .35rem 0 .5rem; text-wrap: balance; }
h2 { font-size: 1.05rem; margin: 0 0 .5rem; }
h3 { font-size: .95rem; margin: 1.25rem 0 .4rem; }
p { margin: 0 0 .5rem; }
p, td, li, h1, dd { overflow-wrap: anywhere; }
section { margin: 26px 0; }
code, .seen, .time { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .875em; }
bdi { unicode-bidi: isolate; }
.meta, .brand, .note { color: var(--soft); font-size: .875rem; }
.brand { font-weight: 600; letter-spacing: .01em; }
.code { display: inline-block; padding: .1rem .65rem; border-radius: 99px; font-weight: 600; }
.code.broken { color: var(--bad); background: var(--bad-back); }
.code.passed { color: var(--good); background: var(--good-back); }
.cards { display: grid; gap: 16px; align-items: start; grid-template-columns: repeat(auto-fit, minmax(min(100%, 340px), 1fr)); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 16px 18px; margin: 0; }
.card > :last-child { margin-bottom: 0; }
.card.fix { border-left: 5px solid var(--good); }
.card.evidence { border-left: 5px solid var(--bad); }
table { border-collapse: collapse; width: 100%; font-size: .9375rem; }
caption { text-align: left; font-weight: 600; padding: 0 0 .4rem; }
caption .ways { font-weight: 400; color: var(--soft); }
th, td { text-align: left; vertical-align: top; padding: .34rem .6rem .34rem 0; border-top: 1px solid var(--line); }
th { font-weight: 500; white-space: nowrap; width: 8rem; }
td.mark { width: 1.9rem; padding-left: .45rem; }
td.time { text-align: right; white-space: nowrap; color: var(--soft); width: 5.2rem; padding-right: 1rem; }
tr.broken { background: var(--bad-back); }
tr.broken th, tr.broken td { color: var(--bad); font-weight: 600; }
tr.warned { background: var(--warn-back); }
tr.warned .warning { color: var(--warn); display: block; }
.mark svg { display: block; width: 18px; height: 18px; margin-top: .18rem; }
table + table { margin-top: 22px; }
.mark circle { fill: var(--soft); }
.mark path { fill: none; stroke: var(--paper); stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
.passed > .mark circle, tr.passed .mark circle { fill: var(--good); }
.warned > .mark circle, tr.warned .mark circle, .mark.warned circle { fill: var(--warn); }
.broken > .mark circle, tr.broken .mark circle { fill: var(--bad); }
svg.path { display: block; max-width: 100%; height: auto; margin: 0 auto; }
svg.path.down { display: none; }
svg.path text { font-family: inherit; fill: var(--ink); }
.vpc { fill: none; stroke: var(--line); stroke-width: 1.5; stroke-dasharray: 5 5; }
svg.path .vpc-name { fill: var(--soft); font-size: 11px; font-weight: 600; letter-spacing: .06em; }
.hop rect { fill: var(--card); stroke: var(--line); stroke-width: 1.5; }
.hop .icon { fill: none; stroke: var(--soft); stroke-width: 1.6; stroke-linecap: round; stroke-linejoin: round; }
.hop .name { font-size: 13.5px; font-weight: 600; }
svg.path .hop .detail, svg.path .label { fill: var(--soft); font-size: 12px; }
.hop.passed rect { stroke: var(--good); }
.hop.warned rect { stroke: var(--warn); stroke-width: 2; }
.hop.broken rect { fill: var(--bad-back); stroke: var(--bad); stroke-width: 2.5; }
svg.path .hop.broken .name, svg.path .link.broken .label { fill: var(--bad); font-weight: 600; }
.hop.broken .icon { stroke: var(--bad); }
.hop.unknown rect { stroke-dasharray: 4 4; }
svg.path .hop.unknown .name { fill: var(--soft); }
.link path.line, .link path.head { fill: none; stroke: var(--soft); stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
.link.passed > path { stroke: var(--good); }
.link.warned > path { stroke: var(--warn); }
.link.broken > path { stroke: var(--bad); stroke-width: 2.5; }
.link.broken .line { stroke-dasharray: 6 6; }
.link.unknown .line { stroke-dasharray: 2 6; }
dl { margin: 0; }
dt { font-weight: 600; margin-top: .6rem; }
dd { margin: 0 0 .2rem; }
ul { margin: .2rem 0 .6rem; padding-left: 1.2rem; }
footer { padding-bottom: 28px; border-top: 1px solid var(--line); padding-top: 14px; }
@media (max-width: 900px) {
  svg.path.across { display: none; }
  svg.path.down { display: block; }
}
@media (max-width: 520px) {
  h1 { font-size: 1.4rem; }
  tr { display: grid; grid-template-columns: 1.9rem 1fr auto; border-top: 1px solid var(--line); padding: .34rem 0; }
  tr > * { border: 0; padding: 0; }
  td.time { padding-right: .45rem; }
  td:last-child { grid-column: 2 / 4; padding-right: .45rem; }
}
@media print {
  :root {
    color-scheme: light;
    --paper: #ffffff; --card: #ffffff; --ink: #000000; --soft: #444444; --line: #bbbbbb;
    --good: #17743a; --good-back: #ffffff; --warn: #8a5700; --warn-back: #ffffff; --bad: #b3161d; --bad-back: #ffffff;
  }
  body { font-size: 11pt; }
  section, .card, tr, svg.path { break-inside: avoid; }
  * { print-color-adjust: exact; }
}
`;
