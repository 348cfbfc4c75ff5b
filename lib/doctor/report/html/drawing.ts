import type { PartState, Way } from "../path.ts";
import { hopIcons, stateMarks, stateWords } from "./icons.ts";
import { type Direction, type Layout, layOut, type PlacedHop, type PlacedLink } from "./layout.ts";
import { markup, type Markup } from "./markup.ts";

/** The ways to the database as inline SVG: each hop with its mark, the times on the arrows. Colours are the page's. */
export function drawPath(ways: readonly Way[], direction: Direction): Markup {
  const layout = layOut(ways, direction);
  const { width, height } = layout;
  const names = ways.map(describeWay).join(" ");
  return markup`<svg
    class="path ${direction}"
    viewBox="0 0 ${width} ${height}"
    width="${width}"
    height="${height}"
    role="img"
    aria-label="${names}"
  >
    ${drawFrame(layout, direction)} ${layout.links.map((link) => drawLink(link, direction))} ${layout.hops.map(drawHop)}
  </svg>`;
}

/** For whoever does not see it. */
function describeWay({ vantage, hops, links }: Way): string {
  const parts = hops.map(({ name, state }, index) => {
    const before = links[index - 1]?.state === "broken" ? "the way there is broken, " : "";
    return `${name}: ${before}${stateWords[state]}`;
  });
  return `${vantage === "here" ? "From here" : "From inside the VPC"}: ${parts.join("; ")}.`;
}

function drawFrame({ vpc }: Layout, direction: Direction): Markup | undefined {
  if (vpc === undefined) return undefined;
  // Downwards, the way from outside comes in at the left.
  const x = direction === "across" ? vpc.x + 12 : vpc.x + vpc.width - 62;
  return markup`<rect class="vpc" x="${vpc.x}" y="${vpc.y}" width="${vpc.width}" height="${vpc.height}" rx="12" />
    <text class="vpc-name" x="${x}" y="${vpc.y + 15}">VPC</text>`;
}

/** Of a letter, at most, at the size of the page's small text. */
const letterWidth = 7.4;
/** In a smaller box there is no room for one. */
const leastWithIcon = 170;

function drawHop({ hop, box }: PlacedHop): Markup {
  const { kind, name, detail, state } = hop;
  const middle = box.y + box.height / 2;
  const hasIcon = box.width >= leastWithIcon;
  const indent = hasIcon ? 46 : 12;
  const room = Math.floor((box.width - indent - 8) / letterWidth);
  const icon = markup`<path class="icon" transform="translate(${box.x + 13} ${middle - 12})" d="${hopIcons[kind]}" />`;
  const line = markup`<text class="detail" x="${box.x + indent}" y="${middle + 14}">${shorten(detail, room)}</text>`;
  return markup`<g class="hop ${state}">
    <title>${detail === "" ? name : `${name}, ${detail}`}: ${stateWords[state]}</title>
    <rect x="${box.x}" y="${box.y}" width="${box.width}" height="${box.height}" rx="10" />
    ${hasIcon ? icon : undefined}
    <text class="name" x="${box.x + indent}" y="${detail === "" ? middle + 5 : middle - 3}">${name}</text>
    ${detail === "" ? undefined : line} ${drawMark(state, box.x + box.width - 4, box.y + 4)}
  </g>`;
}

function drawLink({ link, from: [x1, y1], to: [x2, y2] }: PlacedLink, direction: Direction): Markup {
  const [x, y] = [(x1 + x2) / 2, (y1 + y2) / 2];
  const isAcross = direction === "across";
  const line = isAcross ? `M${x1 + 5} ${y1}H${x2 - 6}` : `M${x1} ${y1 + 5}V${y2 - 6}`;
  const head = isAcross ? `M${x2 - 12} ${y2 - 6}l7 6-7 6` : `M${x2 - 6} ${y2 - 12}l6 7 6-7`;
  const label = (text: string, index: number) =>
    isAcross
      ? markup`<text class="label" x="${x}" y="${y + (index === 0 ? -15 : 26)}" text-anchor="middle">${text}</text>`
      : markup`<text class="label" x="${x + 18}" y="${y + (link.labels.length === 1 ? 4 : index * 17 - 4)}"
          >${text}</text
        >`;
  return markup`<g class="link ${link.state}">
    <path class="line" d="${line}" /><path class="head" d="${head}" />
    ${link.labels.map(label)}
    ${link.state === "broken" || link.state === "warned" ? drawMark(link.state, x, y) : undefined}
  </g>`;
}

function drawMark(state: PartState, x: number, y: number): Markup {
  return markup`<g class="mark" transform="translate(${x - 11} ${y - 11}) scale(1.375)"
    ><circle cx="8" cy="8" r="8" /><path d="${stateMarks[state]}"
  /></g>`;
}

/** Without its middle: a host name says most at its ends. */
function shorten(text: string, room: number): string {
  const letters = Array.from(text);
  if (letters.length <= room) return text;
  const half = Math.floor((room - 1) / 2);
  return `${letters.slice(0, room - 1 - half).join("")}…${letters.slice(-half).join("")}`;
}
