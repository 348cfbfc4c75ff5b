import type { Verdict } from "./traits.ts";

/** What AWS's control plane says of a stage: the reason behind what the walks only see from outside. */
export const awsVerdicts = {
  "aws.bastion-address-stale": {
    summary: "An instance or Elastic IP of the stage's network is not where the stage says that it is.",
    proof: "The address is attached to nothing, or elsewhere, or gone; or the manifest's instance is gone.",
    fix: "Run `postern repair-nat --stage STAGE`.",
    traits: { place: "bastion", source: "stage", suspects: [] },
  },
  "aws.bastion-stopped": {
    summary: "The bastion or a NAT instance does not run.",
    proof: "EC2 gives its state.",
    fix: "Run `postern repair-nat --stage STAGE`.",
    traits: { place: "bastion", source: "stage", suspects: [] },
  },
  "aws.agent-offline": {
    summary: "The bastion runs, and Session Manager does not hear its agent.",
    proof: "EC2 says that it is running with its address and route in place; its PingStatus is not Online.",
    fix: "Run `postern repair-nat --stage STAGE`.",
    traits: { place: "bastion", source: "stage", suspects: [] },
  },
  "aws.security-group": {
    summary: "A security group keeps parts of the stage apart.",
    proof: "No rule lets the one group out, or the other one in, on the port; none of them names ranges that might.",
    fix: "Add the rule, or run `npx sst refresh`, then `npx sst deploy`, for the stage.",
    traits: { place: "to-database", source: "stage", suspects: [] },
  },
  "aws.route": {
    summary: "Private subnets have no way out.",
    proof:
      "Their route table has no default route, or it leads to what is gone, or the NAT instance passes nothing on.",
    fix: "Run `postern repair-nat --stage STAGE`.",
    traits: { place: "either", source: "stage", suspects: [] },
  },
  "aws.database-unavailable": {
    summary: "The database instance is not available.",
    proof: "RDS gives its status, or knows no such instance; and it is not reached, or takes no writes.",
    fix: "Look at the instance's status and events in RDS.",
    traits: { place: "either", source: "stage", suspects: [] },
  },
  "aws.proxy-target": {
    summary: "The proxy cannot reach or use its database.",
    proof: "RDS says that its target is not AVAILABLE, and why; or that the proxy itself is not.",
    fix: "Look at the reason: AUTH_FAILURE is about secrets (`postern setup`), the others about network and database.",
    traits: { place: "either", source: "stage", suspects: [] },
  },
  "aws.credentials": {
    summary: "AWS does not take these credentials.",
    proof: "There are none, or they have expired, or AWS refuses their signature.",
    fix: "Sign in (`aws sso login`), or set AWS_PROFILE.",
    traits: { place: "here", source: "caller", suspects: [] },
  },
  "aws.clock-skew": {
    summary: "This machine's clock is off.",
    proof: "AWS refuses the signature for its time.",
    fix: "Set this machine's clock: AWS takes signatures within five minutes.",
    traits: { place: "here", source: "caller", suspects: [] },
  },
  "aws.failed": {
    summary: "AWS does not answer, or fails.",
    proof: "A call without which there is no login got no answer, or an error of the service's own.",
    fix: "From here, check the network; from inside the VPC, the way out of the private subnets.",
    traits: { place: "gateway", source: "service", suspects: [] },
  },
  "lambda.missing": {
    summary: "The stage's inspect function is not there.",
    proof: "Lambda knows no function of the name in the stage's manifest.",
    fix: "Check account and region; where it is really gone, run `npx sst refresh`, then `npx sst deploy`, for the stage.",
    traits: { place: "either", source: "service", suspects: [] },
  },
  "lambda.failed": {
    summary: "The inspect function fails.",
    proof: "It crashed, ran out of time, or replied what it should not; from here the database answers.",
    fix: "Look at the function's log.",
    traits: { place: "either", source: "service", suspects: [] },
  },
  "secret.missing": {
    summary: "The secret with the login is not there.",
    proof: "Secrets Manager knows no such secret, or no value of it.",
    fix: "Run `postern setup`, which makes the first passwords; without the secret itself, deploy the stage again.",
    traits: { place: "either", source: "stage", suspects: [] },
  },
  "aws.permission": {
    summary: "These credentials may not do what the doctor needs.",
    proof: "AWS refused a call without which there is nothing to examine; those that are only useful are skipped.",
    fix: "Ask for the policy that covers the call in the evidence.",
    traits: { place: "gateway", source: "caller", suspects: [] },
  },
} as const satisfies Record<string, Verdict>;
