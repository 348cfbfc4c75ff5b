import axe from "axe-core";
import type { Page } from "playwright-core";

/** What only the page itself can tell. As texts: Node's types know no document. */

export async function widths(page: Page): Promise<{ readonly content: number; readonly window: number }> {
  return await page.evaluate("({ content: document.documentElement.scrollWidth, window: innerWidth })");
}

export async function isOwned(page: Page): Promise<boolean> {
  return await page.evaluate("'owned' in window");
}

export async function coloursOfBody(page: Page): Promise<{ readonly paper: string; readonly ink: string }> {
  return await page.evaluate(
    "(({ backgroundColor, color }) => ({ paper: backgroundColor, ink: color }))(getComputedStyle(document.body))",
  );
}

export type ColourPair = { readonly what: string; readonly text: string; readonly back: string };

/** Every text of the drawing with what it stands on: axe does not look into drawings. */
export async function coloursOfDrawing(page: Page): Promise<readonly ColourPair[]> {
  return await page.evaluate(`
    [...document.querySelectorAll("svg.path")]
      .filter((svg) => getComputedStyle(svg).display !== "none")
      .flatMap((svg) => [...svg.querySelectorAll("text")])
      .map((text) => {
        const box = text.closest(".hop")?.querySelector("rect");
        const back = box ? getComputedStyle(box).fill : getComputedStyle(document.body).backgroundColor;
        return { what: text.textContent, text: getComputedStyle(text).fill, back };
      })`);
}

/** What axe finds wrong, with the element. */
export async function violations(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe.source);
  return await page.evaluate(`
    axe.run().then(({ violations }) =>
      violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ": " + html)))`);
}

/** Texts of the drawing that stick out of their box, or out of the drawing. */
export async function overflowing(page: Page): Promise<readonly string[]> {
  return await page.evaluate(`
    [...document.querySelectorAll("svg.path")]
      .filter((svg) => getComputedStyle(svg).display !== "none")
      .flatMap((svg) => [...svg.querySelectorAll("text")].map((text) => [text, text.closest(".hop")?.querySelector("rect") ?? svg]))
      .filter(([text, around]) => {
        const [inner, outer] = [text.getBoundingClientRect(), around.getBoundingClientRect()];
        return inner.left < outer.left || inner.right > outer.right || inner.top < outer.top || inner.bottom > outer.bottom;
      })
      .map(([text]) => text.textContent)`);
}
