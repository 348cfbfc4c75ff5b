import { createHash } from "node:crypto";
import type { ConnectionAdvice, DoctorReport } from "#lib/protocol.ts";
import { laddersOf } from "../ladder.ts";
import { mapTexts } from "../map-texts.ts";
import { pathsOf, type Way } from "../path.ts";
import { plainText } from "../plain-text.ts";
import type { ReportTarget } from "../target.ts";
import type { VerdictPage } from "../verdict-page.ts";
import { drawPath } from "./drawing.ts";
import { describeLadders } from "./ladders.ts";
import { markup, Markup } from "./markup.ts";
import { sheet } from "./sheet.ts";

export type PageFacts = {
  /** Masked already, as its target. */
  readonly report: DoctorReport;
  readonly target: ReportTarget;
  readonly at: Date;
  /** Of Postern, and what else says which code looked. */
  readonly version: string;
  readonly isUnmasked: boolean;
  /** Of the verdict, where it is one that the doctor's own table has. */
  readonly explanation?: VerdictPage;
};

/** Every page begins with it: by it one is told from somebody else's file. */
export const pageMark = "<!doctype html>\n<!-- A report of postern doctor -->\n";

/**
 * One page with everything in it: no script, no request, nothing to fetch. Reads on paper, in the dark and on a phone.
 *
 * 1. Every text of the report is made plain (`plain-text.ts`): no control character, no change of direction, no end.
 * 2. All of it is escaped where it is put in (`markup.ts`).
 * 3. Should markup get in all the same, the policy lets it load and run nothing: no source is allowed, and of styles the
 *    page's own alone, by its hash.
 */
export function renderPage(facts: PageFacts): string {
  const { at, version, isUnmasked, explanation } = facts;
  const { report, target } = mapTexts({ report: facts.report, target: facts.target }, (text) => plainText(text));
  const { verdict, ms, connection } = report;
  const isWell = verdict.code === "ok";
  const ways = pathsOf(report, target);
  const time = `${at.toISOString().slice(0, 19).replace("T", " ")} UTC`;
  const page = markup`<html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta http-equiv="Content-Security-Policy" content="${policy}" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <meta name="referrer" content="no-referrer" />
      <title>${verdict.code} · ${target.name} · Postern doctor</title>
      <style>${new Markup(sheet)}</style>
    </head>
    <body>
      <header>
        <p class="brand">Postern doctor · ${target.name}</p>
        <p class="code ${isWell ? "passed" : "broken"}"><code>${verdict.code}</code></p>
        <h1>${verdict.summary}</h1>
        <p class="meta"><time datetime="${at.toISOString()}">${time}</time> · examined in ${ms} ms</p>
      </header>
      <main>
        <section aria-labelledby="path">
          <h2 id="path">The path</h2>
          ${drawPath(ways, "across")} ${drawDown(ways)}
        </section>
        ${isWell ? undefined : describeVerdict(verdict)} ${connection === undefined ? undefined : advise(connection)}
        <section aria-labelledby="steps">
          <h2 id="steps">Step by step</h2>
          ${describeLadders(laddersOf(report, ways))}
        </section>
        ${explanation === undefined ? undefined : explain(explanation)}
      </main>
      <footer>
        <p class="meta">Made by postern doctor ${version}, ${time}. ${maskNote(isUnmasked)}</p>
      </footer>
    </body>
  </html>`;
  return `${pageMark}${page.text}`;
}

/** Side by side there is room for two. */
function drawDown(ways: readonly Way[]): readonly Markup[] {
  return ways.length > 2 ? ways.map((way) => drawPath([way], "down")) : [drawPath(ways, "down")];
}

const policy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash("sha256").update(sheet).digest("base64")}'`,
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

/** What each vantage saw is a paragraph of its own. */
const vantageStart = /; (?=from (?:here|inside the VPC)\b)/u;

function describeVerdict({ evidence, fix, ranked = [] }: DoctorReport["verdict"]): Markup {
  return markup`<section class="cards" aria-label="Verdict">
    <div class="card fix">
      <h2>What to do</h2>
      <p>${fix}</p>
      ${
        ranked.length === 0
          ? undefined
          : markup`<ul>
              ${ranked.map(({ code, settle }) => markup`<li><code>${code}</code>: to settle it, ${settle}</li>`)}
            </ul>`
      }
    </div>
    ${
      evidence === undefined
        ? undefined
        : markup`<div class="card evidence">
            <h2>What was seen</h2>
            ${evidence.split(vantageStart).map((part) => markup`<p class="seen"><bdi>${part}</bdi></p>`)}
          </div>`
    }
  </section>`;
}

/** The settings of TLS that work. */
function advise({ text, url }: ConnectionAdvice): Markup {
  return markup`<section aria-labelledby="tls">
    <h2 id="tls">TLS settings that work</h2>
    <p>${text}</p>
    <p><code>${url}</code></p>
  </section>`;
}

function explain({ code, proof, others }: VerdictPage): Markup {
  return markup`<section aria-labelledby="about">
    <h2 id="about">About <code>${code}</code></h2>
    <p>${proof}</p>
    ${
      others.length === 0
        ? undefined
        : markup`<dl>
            ${others.map(
              ({ program, texts }) =>
                markup`<dt>What ${program} says of it</dt>
                  ${texts.map((text) => markup`<dd><code>${text}</code></dd>`)}`,
            )}
          </dl>`
    }
  </section>`;
}

function maskNote(isUnmasked: boolean): string {
  return isUnmasked
    ? "Unmasked: it names accounts, machines and addresses. Secrets are left out."
    : "Account ids, secrets, public addresses and the ids of machines are masked.";
}
