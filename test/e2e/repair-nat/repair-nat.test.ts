import { once } from "node:events";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { AwsModel } from "#lib/local/aws/model.ts";
import { disassociated } from "#lib/local/aws/settle.ts";
import { changed, startRepairBench } from "../../support/repair-nat/bench.ts";

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

/** The first zone: its instance stopped and without its address, a route to an interface that is gone. */
function breakFirstZone(model: AwsModel): void {
  model.change((before) => ({
    ...before,
    instances: changed(before.instances, "i-1", { State: { Code: 80, Name: "stopped" } }),
    networkInterfaces: changed(before.networkInterfaces, "eni-1", { SourceDestCheck: true }),
    addresses: before.addresses.map((one) => (one.AllocationId === "eipalloc-1" ? disassociated(one) : one)),
    routeTables: changed(before.routeTables, "rtb-private-1", {
      Routes: [{ DestinationCidrBlock: "0.0.0.0/0", NetworkInterfaceId: "eni-deleted" }],
    }),
  }));
}

function stateOf(model: AwsModel) {
  const { instances, addresses, routeTables } = model.read();
  return {
    instances: instances.map(({ InstanceId, State, SourceDestCheck }) => [InstanceId, State?.Name, SourceDestCheck]),
    addresses: addresses.map(({ AllocationId, InstanceId }) => [AllocationId, InstanceId]),
    routes: routeTables
      .filter(({ RouteTableId }) => RouteTableId.startsWith("rtb-private"))
      .map(({ Routes = [] }) => Routes.map(({ NetworkInterfaceId, State }) => [NetworkInterfaceId, State])),
  };
}

/** By what they changed. */
function callsMade(model: AwsModel): number {
  const { instances, addresses, networkInterfaces, routeTables } = model.read();
  return [
    instances.some(({ InstanceId, State }) => InstanceId === "i-1" && State?.Name !== "stopped"),
    addresses.some(({ AllocationId, InstanceId }) => AllocationId === "eipalloc-1" && InstanceId === "i-1"),
    networkInterfaces.some((one) => one.NetworkInterfaceId === "eni-1" && one.SourceDestCheck === false),
    routeTables.some(({ Routes }) => Routes?.some((route) => route.NetworkInterfaceId === "eni-1")),
  ].filter(Boolean).length;
}

const whole = {
  instances: [
    ["i-1", "running", false],
    ["i-2", "running", false],
  ],
  addresses: [
    ["eipalloc-1", "i-1"],
    ["eipalloc-2", "i-2"],
    ["eipalloc-9", undefined],
  ],
  routes: [[["eni-1", "active"]], [["eni-2", "active"]]],
};

const everyStep = [
  "start-instance i-1",
  "associate-address eipalloc-1",
  "turn-off-source-dest-check i-1",
  "replace-route rtb-private-1",
];

function named(steps: readonly { readonly kind: string; readonly resource: string }[]): string[] {
  return steps.map(({ kind, resource }) => `${kind} ${resource}`);
}

test("a network that is well needs nothing", async () => {
  const { run, repair } = stack.use(await startRepairBench());
  expect(await repair()).toMatchObject({ exitCode: 0, plan: [], applied: [], unmended: [], left: [] });
  expect(await run("--yes")).toMatchObject({ exitCode: 0, stdout: "nothing to do\n" });
});

test("a plan is shown and nothing is done; with --yes all of it is, and then nothing is left to do", async () => {
  const { model, run, repair } = stack.use(await startRepairBench());
  breakFirstZone(model);
  const broken = stateOf(model);
  const shown = await repair();
  expect(shown.exitCode).toBe(1);
  expect(named(shown.plan)).toEqual(everyStep);
  expect(shown.applied).toEqual([]);
  const { stdout, exitCode } = await run();
  expect(exitCode).toBe(1);
  expect(stdout).toMatch(/start-instance +i-1 +stopped +→ +running\n/u);
  expect(stdout).toMatch(/associate-address +eipalloc-1 +nothing +→ +i-1\n/u);
  expect(stdout).toContain(`plan ${shown.planHash}`);
  expect(stateOf(model)).toEqual(broken);

  const done = await repair("--yes");
  expect(done).toMatchObject({ exitCode: 0, planHash: shown.planHash, verified: { ok: true, plan: [], unmended: [] } });
  expect(named(done.applied)).toEqual(everyStep);
  expect(stateOf(model)).toEqual(whole);
  expect(await repair("--yes")).toMatchObject({ exitCode: 0, plan: [], applied: [] });
});

test("a protected stage takes the hash of the plan that was read, and of no other", async () => {
  const { model, repair } = stack.use(await startRepairBench({ protected: true }));
  breakFirstZone(model);
  const broken = stateOf(model);
  const { planHash } = await repair();
  expect(await repair("--yes")).toMatchObject({ exitCode: 1, error: { code: "repair.unapproved" } });
  expect(await repair("--yes", "--approve", "0".repeat(64))).toMatchObject({
    exitCode: 1,
    error: { code: "repair.changed" },
  });
  expect(stateOf(model)).toEqual(broken);
  expect(await repair("--approve", planHash)).toMatchObject({ exitCode: 0, verified: { ok: true } });
  expect(stateOf(model)).toEqual(whole);
  expect(await repair("--approve", planHash)).toMatchObject({ exitCode: 0, plan: [], applied: [] });
});

test("a call that is refused ends it: what was done stays and is said, and the same command goes on from there", async () => {
  const { model, allowWrites, repair } = stack.use(await startRepairBench());
  breakFirstZone(model);
  allowWrites(2);
  const stopped = await repair("--yes");
  expect(stopped).toMatchObject({ exitCode: 2, error: { code: "aws.permission" } });
  expect(named(stopped.applied)).toEqual(everyStep.slice(0, 2));
  expect(stopped.error?.message).toMatch(
    /^Step 3 of 4, turn-off-source-dest-check .* ec2:ModifyInstanceAttribute: You are not/u,
  );
  expect(stopped.error?.message).toMatch(/Done: start-instance .*\. Not begun: replace-route rtb-private-1/u);
  allowWrites(9);
  const rest = await repair("--yes");
  expect(rest).toMatchObject({ exitCode: 0, verified: { ok: true } });
  expect(named(rest.applied)).toEqual(everyStep.slice(2));
  expect(stateOf(model)).toEqual(whole);
});

test.each([1, 2, 3, 4])("killed when %i calls were made, it goes on from there", async (count) => {
  const { model, start, repair } = stack.use(await startRepairBench());
  breakFirstZone(model);
  const child = start("--yes");
  const reached = Promise.withResolvers<void>();
  model.onChange(() => {
    if (callsMade(model) < count) return;
    child.kill("SIGKILL");
    reached.resolve();
  });
  await Promise.all([reached.promise, once(child, "close")]);
  const rest = await repair("--yes");
  expect(rest.exitCode).toBe(0);
  expect(named(rest.applied)).toEqual(everyStep.slice(count));
  expect(stateOf(model)).toEqual(whole);
});

test("SIGINT ends it behind the call that is under way, with what was done", async () => {
  const { model, start } = stack.use(await startRepairBench());
  breakFirstZone(model);
  const child = start("--yes", "--json");
  model.onChange(() => child.kill("SIGINT"));
  let stdout = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  const [exitCode] = await once(child, "close");
  expect(exitCode).toBe(130);
  const { error } = JSON.parse(stdout);
  expect(error).toMatchObject({ code: "aborted", message: expect.stringContaining("Not begun: associate-address") });
  expect(stateOf(model).addresses[0]).toEqual(["eipalloc-1", undefined]);
});

test("another stage's address that is free is not taken where the stage's own is gone, which is said", async () => {
  const { model, repair } = stack.use(await startRepairBench());
  model.change((before) => ({
    ...before,
    addresses: before.addresses.filter((one) => one.AllocationId !== "eipalloc-1"),
  }));
  const broken = stateOf(model);
  const result = await repair("--yes");
  expect(result).toMatchObject({ exitCode: 1, plan: [], applied: [] });
  expect(result.unmended).toMatchObject([
    { resource: "eipalloc-1", fix: "npx sst refresh --stage dev, then npx sst deploy --stage dev" },
  ]);
  expect(stateOf(model)).toEqual(broken);
});

test("a route to a NAT gateway that somebody made stays", async () => {
  const { model, repair } = stack.use(await startRepairBench());
  model.change((before) => ({
    ...before,
    routeTables: changed(before.routeTables, "rtb-private-1", {
      Routes: [{ DestinationCidrBlock: "0.0.0.0/0", NatGatewayId: "nat-1", State: "active" }],
    }),
  }));
  expect(await repair("--yes")).toMatchObject({ exitCode: 0, plan: [], left: [{ resource: "rtb-private-1" }] });
});

test("a stage that nobody names, one that does not exist and a hash that is none are refused", async () => {
  const { repair, run } = stack.use(await startRepairBench());
  expect(await repair("--approve", "abc")).toMatchObject({ exitCode: 2, error: { code: "usage.invalid" } });
  const other = await run("--stage", "nowhere");
  expect(other.exitCode).toBe(2);
  expect(other.stderr).toContain("stage.unknown");
});
