import { expect, test } from "vitest";
import type { Manifest } from "#lib/contract.ts";
import { PosternError } from "#lib/base/errors.ts";
import type { AwsAccess } from "#lib/stage/aws-access.ts";
import { stageTransport } from "#lib/tunnel/stage-transport.ts";
import type { Link, Transport } from "#lib/tunnel/transport.ts";

const { signal } = new AbortController();

function manifestWith(...bastions: string[]): Manifest {
  return { bastions, database: { host: "db.internal", port: 5432 } } as unknown as Manifest;
}

function accessOf(start: number): AwsAccess {
  return { source: "local-stage", endpoint: `start ${start}` };
}

function setUp(manifests: readonly (Manifest | PosternError)[]) {
  const used: string[] = [];
  const rest = [...manifests];
  const keys: (string | undefined)[] = [];
  let starts = 1;
  const transport = stageTransport({
    manifest: manifestWith("i-1", "i-2"),
    access: accessOf(1),
    findAccess: async () => {
      starts += 1;
      return accessOf(starts);
    },
    readManifest: async (access) => {
      keys.push(access.endpoint);
      const next = rest.shift();
      if (next === undefined || next instanceof PosternError) throw next ?? new PosternError("internal", "no more");
      return next;
    },
    chooseBastion: async (bastions, access) => {
      keys.push(access.endpoint);
      return bastions.at(-1) ?? "none";
    },
    through: (bastion, _, access): Transport => ({
      kind: "ssm",
      route: bastion,
      connect: async () => {
        used.push(bastion);
        keys.push(access.endpoint);
        return {} as Link;
      },
    }),
  });
  return { transport, used, keys, unread: rest };
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

test("each later link finds the access again, and uses nothing of the one before", async () => {
  const { transport, keys } = setUp([manifestWith("i-3")]);
  await transport.connect(signal);
  expect(keys).toEqual(["start 1", "start 1"]);
  await transport.connect(signal);
  expect(keys.slice(2)).toEqual(["start 2", "start 2", "start 2"]);
});
