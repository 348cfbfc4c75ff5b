import type { ProbeReport } from "#lib/protocol.ts";
import { type Ladder, stateOf, warningBeside } from "../ladder.ts";
import { stateMarks, stateWords } from "./icons.ts";
import { markup, type Markup } from "./markup.ts";

/** A table for each ladder, with what its way leads through. */
export function describeLadders(ladders: readonly Ladder[]): readonly Markup[] {
  return ladders.map(({ name, steps, way }) => {
    const through = way === undefined ? "" : way.hops.map((hop) => hop.name).join(" → ");
    return markup`<table>
      <caption>${name} <span class="ways">${through}</span></caption>
      <tbody>
        ${steps.map(describeStep)}
      </tbody>
    </table>`;
  });
}

function describeStep(probe: ProbeReport): Markup {
  const { name, ms, detail } = probe;
  const warning = warningBeside(probe);
  const state = stateOf(probe);
  return markup`<tr class="${state}">
    <td class="mark">
      <svg viewBox="0 0 16 16" role="img" aria-label="${stateWords[state]}">
        <circle cx="8" cy="8" r="8" />
        <path d="${stateMarks[state]}" />
      </svg>
    </td>
    <th scope="row">${name}</th>
    <td class="time">${ms} ms</td>
    <td><bdi>${detail}</bdi>${warning === undefined ? undefined : markup` <span class="warning">${warning}</span>`}</td>
  </tr>`;
}
