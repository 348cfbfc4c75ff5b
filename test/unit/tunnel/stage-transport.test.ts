import { expect, test } from "vitest";
import type { Manifest } from "#lib/contract.ts";
import { PosternError } from "#lib/base/errors.ts";
import { stageTransport } from "#lib/tunnel/stage-transport.ts";
import type { Link, Transport } from "#lib/tunnel/transport.ts";

const { signal } = new AbortController();

function manifestWith(...bastions: string[]): Manifest {
  return { bastions, database: { host: "db.internal", port: 5432 } } as unknown as Manifest;
}

function setUp(manifests: readonly (Manifest | PosternError)[]) {
  const used: string[] = [];
  const rest = [...manifests];
  const transport = stageTransport({
    manifest: manifestWith("i-1", "i-2"),
    readManifest: async () => {
      const next = rest.shift();
      if (next === undefined || next instanceof PosternError) throw next ?? new PosternError("internal", "no more");
      return next;
    },
    chooseBastion: async (bastions) => bastions.at(-1) ?? "none",
    through: (bastion): Transport => ({
      kind: "ssm",
      route: bastion,
      connect: async () => {
        used.push(bastion);
        return {} as Link;
      },
    }),
  });
  return { transport, used, unread: rest };
}

test("the first link uses the manifest that is known, each later one the manifest as it is then", async () => {
  const { transport, used, unread } = setUp([manifestWith("i-3")]);
  expect(transport.route).toBe("db.internal:5432 through i-1 or i-2");
  await transport.connect(signal);
  expect(unread).toHaveLength(1);
  await transport.connect(signal);
  expect(used).toEqual(["i-2", "i-3"]);
});

test("where AWS does not tell, what was last known is used", async () => {
  const { transport, used } = setUp([manifestWith("i-3"), new PosternError("aws.failed", "no")]);
  for (let count = 0; count < 3; count += 1) await transport.connect(signal);
  expect(used).toEqual(["i-2", "i-3", "i-3"]);
});
