import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { libLayers } from "../../oxlint.config.ts";

const lib = path.join(import.meta.dirname, "../../lib");

describe("the layers of lib", () => {
  it("are all in the linter's table", async () => {
    const entries = await readdir(lib, { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    expect(folders.toSorted()).toEqual(libLayers.toSorted());
  });

  it("stand in lib/README.md in the linter's order", async () => {
    const readme = await readFile(path.join(lib, "README.md"), "utf8");
    const rows = Array.from(readme.matchAll(/^\| `([a-z-]+)\/` \|/gmu), ([, folder]) => folder);
    expect(rows).toEqual(libLayers);
  });
});
