import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "#lib/base/clock.ts";
import { repairNatActions } from "#lib/contract.ts";
import { disassociated } from "#lib/local/aws/settle.ts";
import type { AwsResources } from "#lib/local/aws/resources.ts";
import { openRepairActions } from "#lib/repair-nat/actions.ts";
import { readRepairFacts } from "#lib/repair-nat/facts.ts";
import { isDone } from "#lib/repair-nat/progress.ts";
import type { RepairKind, RepairStep } from "#lib/repair-nat/result.ts";
import { changed, startRepairBench } from "../../support/repair-nat/bench.ts";
import { waitFor } from "../../support/wait-for.ts";

let stack: AsyncDisposableStack;
let bench: Awaited<ReturnType<typeof startRepairBench>>;
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  bench = stack.use(await startRepairBench());
});
afterEach(() => stack.disposeAsync());

const { signal } = new AbortController();

async function readFacts() {
  const { manifest, access } = bench;
  return readRepairFacts(manifest, { access, signal, clock: systemClock });
}

async function act(one: RepairStep): Promise<void> {
  using actions = openRepairActions(bench.access);
  await actions.act(one, await readFacts());
}

function step(kind: RepairKind, resource: string, from: string, to: string): RepairStep {
  return { kind, resource, from, to, why: "" };
}

function routed(before: AwsResources, Routes: AwsResources["routeTables"][number]["Routes"]): AwsResources {
  return { ...before, routeTables: changed(before.routeTables, "rtb-private-1", { Routes }) };
}

const everywhere = "0.0.0.0/0";

/** Each kind of step, with what makes it needed and what it asks of AWS. */
const kinds: readonly (readonly [RepairStep, (before: AwsResources) => AwsResources, readonly string[]])[] = [
  [
    step("start-instance", "i-1", "stopped", "running"),
    (before) => ({
      ...before,
      instances: changed(before.instances, "i-1", { State: { Code: 80, Name: "stopped" } }),
    }),
    ["ec2:StartInstances"],
  ],
  [
    step("associate-address", "eipalloc-2", "i-2", "i-1"),
    (before) => ({
      ...before,
      addresses: before.addresses.map((one) => (one.AllocationId === "eipalloc-1" ? disassociated(one) : one)),
    }),
    ["ec2:DisassociateAddress", "ec2:AssociateAddress"],
  ],
  [
    step("turn-off-source-dest-check", "i-1", "on", "off"),
    (before) => ({
      ...before,
      networkInterfaces: changed(before.networkInterfaces, "eni-1", { SourceDestCheck: true }),
    }),
    ["ec2:ModifyInstanceAttribute"],
  ],
  [step("create-route", "rtb-private-1", "nothing", "eni-1"), (before) => routed(before, []), ["ec2:CreateRoute"]],
  [
    step("replace-route", "rtb-private-1", "eni-gone", "eni-1"),
    (before) => routed(before, [{ DestinationCidrBlock: everywhere, NetworkInterfaceId: "eni-gone" }]),
    ["ec2:ReplaceRoute"],
  ],
  [
    step("reboot-instance", "i-1", "ConnectionLost", "Online"),
    (before) => ({ ...before, endedAgents: ["i-1"] }),
    ["ec2:RebootInstances"],
  ],
];

describe.each(kinds)("a step, $kind:", (of, breakIt, actions) => {
  test("does what it says, as AWS then tells", async () => {
    bench.model.change(breakIt);
    expect(isDone(of, await readFacts())).toBe(false);
    await act(of);
    await waitFor(`${of.kind} is done`, async () => isDone(of, await readFacts()), 20_000);
  });

  test("may be asked again, as when its answer was lost", async () => {
    bench.model.change(breakIt);
    const facts = await readFacts();
    using again = openRepairActions(bench.access);
    await again.act(of, facts);
    await expect(again.act(of, facts)).resolves.toBeUndefined();
    await waitFor(`${of.kind} is done`, async () => isDone(of, await readFacts()), 20_000);
  });

  test.each(actions)("is refused by name to whom %s is denied", async (action) => {
    bench.model.change((before) => ({ ...breakIt(before), deniedActions: [action] }));
    await expect(act(of)).rejects.toMatchObject({
      code: "aws.permission",
      message: expect.stringMatching(new RegExp(`^${action}: `, "u")),
    });
    expect(isDone(of, await readFacts())).toBe(false);
  });

  test("asks nothing that is not its own", async () => {
    const others = repairNatActions.writes.filter((one) => !actions.includes(one));
    bench.model.change((before) => ({ ...breakIt(before), deniedActions: others }));
    await expect(act(of)).resolves.toBeUndefined();
  });
});

test("an address that somebody took meanwhile is not taken from there", async () => {
  const { model } = bench;
  model.change(kinds[1]?.[1] ?? ((before) => before));
  const facts = await readFacts();
  // Seen as free; then it is with the other instance.
  const seen = {
    ...facts,
    addresses: facts.addresses.map(({ allocationId, publicIp, tags }) => ({ allocationId, publicIp, tags })),
  };
  using actions = openRepairActions(bench.access);
  const free = step("associate-address", "eipalloc-2", "nothing", "i-1");
  await expect(actions.act(free, seen)).rejects.toMatchObject({
    code: "aws.failed",
    message: expect.stringContaining("already associated"),
  });
  await expect(actions.act(free, facts)).rejects.toMatchObject({ code: "repair.changed" });
  const atGateway = {
    ...seen,
    addresses: seen.addresses.map((one) => Object.assign({}, one, { networkInterfaceId: "eni-gateway" })),
  };
  await expect(actions.act(free, atGateway)).rejects.toMatchObject({ code: "repair.changed" });
  expect(model.read().addresses.find((one) => one.AllocationId === "eipalloc-2")?.InstanceId).toBe("i-2");
});

test("every write that a policy is to allow is one that some step asks", () => {
  expect(kinds.flatMap(([, , actions]) => actions).toSorted()).toEqual([...repairNatActions.writes].toSorted());
});
