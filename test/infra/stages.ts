import type { EvaluateOptions } from "../support/sst/evaluate.ts";

/**
 * Stages that more than one test looks at. Whoever asks for the same settings in the same words shares the evaluation,
 * which takes a second: take one of these where nothing else is needed.
 */

/** What any stage may have beside what its kind has, except SSH. */
export const parts = {
  longRuns: true,
  alarms: { email: "on-call@example.com" },
  deployHook: { migrate: true, seedReference: true },
};

/** What replaces the settings of the stage's kind. */
export function stage(name: string, settings: object): EvaluateOptions {
  return { stage: name, config: { stages: { [name]: settings } } };
}

export function dev(settings: object): EvaluateOptions {
  return stage("dev", settings);
}

/** A stage with what any may have beside what its kind has, except SSH. */
export function everything(name: string): EvaluateOptions {
  return stage(name, parts);
}

/** The same with the bastion that `sst tunnel` needs. */
export const everythingWithSsh = dev({
  ...parts,
  network: { bastion: "ssh", sshFrom: ["203.0.113.7/32", "198.51.100.0/24"] },
});

export const topicArn = "arn:aws:sns:eu-central-1:123456789012:on-call";

/** A stage with a proxy and without long runs, whose alarms go to a topic that is there already. */
export const withTopic = stage("staging", { alarms: { topicArn } });

/** The VPC that is there already in the evaluated account (`cloud.ts`). */
export const existingVpcId = "vpc-0123456789abcdef0";
export const existing = { vpcId: existingVpcId, privateSubnetIds: ["subnet-private-a", "subnet-private-b"] };

/** With everything in that VPC: a bastion of ours, and without much else of a network that a rule could look at. */
export const everythingInExisting = stage("production", { ...parts, network: { existing } });

/** Takes over one of the instances that are there already (`existing-databases.ts`). */
export function adopting(adopt: string): EvaluateOptions {
  return dev({ longRuns: true, proxy: { enabled: true }, network: { existing }, database: { adopt } });
}
