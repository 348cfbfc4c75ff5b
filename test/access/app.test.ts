import { describe, expect, it } from "vitest";
import { settings } from "./settings.ts";
import { synthesise } from "./synthesise.ts";

describe("the access baseline", () => {
  it("is a stack for each account", () => {
    expect([...synthesise().keys()]).toStrictEqual(settings.accounts.map(({ name }) => name));
  });

  it("comes out the same each time", () => {
    const texts = [synthesise(), synthesise()].map((stacks) =>
      JSON.stringify([...stacks.values()].map(({ json }) => json)),
    );
    expect(texts[0]).toBe(texts[1]);
  });

  it("is small enough for CloudFormation to take it without a bucket", () => {
    for (const { templates } of synthesise().values()) {
      for (const template of templates)
        expect(Buffer.byteLength(JSON.stringify(template, null, 1))).toBeLessThan(51_200);
    }
  });
});
