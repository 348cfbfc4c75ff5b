import { expect, it } from "vitest";
import { huntMutants } from "./mutation/hunt.ts";
import { synthesisedExample } from "./synthesise.ts";

/** Mutants that no row can catch, each with the reason. */
const equivalent: Readonly<Record<string, string>> = {
  "postern-access-ci-…-tags, TagWhatIsMade: without ec2:CreateAction CreateSecurityGroup":
    "a group that is being made has no tags, and is as a VPC's default group (TagDefaultGroup)",
};

const hunted = await huntMutants(synthesisedExample());
const survivors = hunted.filter(({ caughtBy }) => caughtBy === undefined).map(({ name }) => name);

it(`${hunted.length - survivors.length} of ${hunted.length} mutants of the policies are caught by a row of the matrix`, () => {
  expect(hunted.length).toBeGreaterThan(300);
  expect(survivors).toStrictEqual(Object.keys(equivalent));
});
