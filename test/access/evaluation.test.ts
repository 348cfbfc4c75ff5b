import { describe, expect, it } from "vitest";
import { examples } from "./evaluation/aws-examples.ts";
import { decide } from "./evaluation/decide.ts";

describe("the engine decides as AWS's documentation says", () => {
  it.each(examples.map((example) => [`${example.says} (${example.page})`, example] as const))(
    "%s",
    async (_name, { request, decision }) => {
      expect(await decide(request)).toBe(decision);
    },
  );
});

describe("a request that AWS would not make is refused", () => {
  const [{ request }] = examples as [(typeof examples)[number]];

  it("with a condition key that the action does not have", async () => {
    const wrong = { ...request, context: { ...request.context, "ecs:cluster": "x" } };
    await expect(decide(wrong)).rejects.toThrow("iam:GetUser has no condition key ecs:cluster");
  });

  it("with an action that is none, or a resource that it does not take", async () => {
    await expect(decide({ ...request, action: "iam:GetUsr" })).rejects.toThrow("invalid.action");
    await expect(decide({ ...request, resource: "arn:aws:s3:::bucket" })).rejects.toThrow("no.resource.types");
  });
});
