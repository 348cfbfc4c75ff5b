import { describe, expect, test } from "vitest";
import { Turns } from "#lib/tunnel/ssm/turns.ts";

describe("turns", () => {
  test("come round, each item once", () => {
    const turns = new Turns<string>();
    for (const item of ["a", "b", "c"]) turns.putBack(item);
    const seen: string[] = [];
    for (let round = 0; round < 6; round += 1) {
      const item = turns.take() ?? "";
      seen.push(item);
      turns.putBack(item);
    }
    expect(seen.join("")).toBe("abcabc");
    turns.clear();
    expect(turns.take()).toBeUndefined();
  });

  test("pass between those that still have something: a new one has its turn after one of them at most", () => {
    const turns = new Turns<string>();
    for (const item of ["a", "b", "c"]) turns.putBack(item);
    expect(turns.take()).toBe("a");
    turns.putBack("a");
    turns.add("new");
    expect([turns.take(), turns.take()]).toContain("new");
  });

  test("never leave out one that waits, however many new ones come", () => {
    const turns = new Turns<string>();
    turns.putBack("upload");
    let uploads = 0;
    for (let round = 0; round < 100; round += 1) {
      turns.add(`query ${round} a`);
      turns.add(`query ${round} b`);
      if (turns.take() === "upload") {
        uploads += 1;
        turns.putBack("upload");
      }
    }
    expect(uploads).toBe(50);
  });

  test("are not had twice by one that asks while it waits", () => {
    const turns = new Turns<string>();
    turns.add("a");
    turns.putBack("a");
    turns.add("a");
    expect([turns.take(), turns.take()]).toEqual(["a", undefined]);
  });
});
