import type { Evaluation, RecordedResource } from "../../support/sst/recorded.ts";

/** One promise about what is deployed. The table in the docs is made of these. */
export type Rule = {
  /** Stable, kebab-case, begins with its subject: `network-no-public-ingress`. */
  readonly id: string;
  /** A claim in one line. */
  readonly title: string;
  /** Ids of the controls of AWS Security Hub that it serves, of whichever standard; empty where there is none. */
  readonly securityHub: readonly string[];
  /** Only where data loss is refused; default: on every stage. */
  readonly protectedOnly?: true;
  /** SST's defaults break it in `sst dev` only; default: in a deploy. */
  readonly vanillaDev?: true;
  /** SST's defaults leave it to whoever uses them, so that they neither keep nor break it; then `breaks` shows it. */
  readonly vanillaOpen?: true;
  /** What it lets pass, by name, with the reason. */
  readonly exceptions?: Readonly<Record<string, string>>;
  /** Why it does not hold where the bastion is reached through SSH; default: it does. */
  readonly exceptSsh?: string;
  /** Why it does not hold for a VPC that was there before (`network.existing`); default: it does. */
  readonly exceptExisting?: string;
  /** What breaks it, one readable line each: logical name, then what is wrong. */
  readonly violations: (evaluation: Evaluation) => readonly string[];
  /** Where SST's defaults keep it: makes our own evaluation break it, so that it is shown all the same. */
  readonly breaks?: (ours: Evaluation) => Evaluation;
};

/** Custom resources of one type, for example `aws:ec2/instance:Instance`. */
export function ofType(evaluation: Evaluation, type: string): RecordedResource[] {
  return evaluation.resources.filter((resource) => resource.isCustom && resource.type === type);
}

/** The custom resource of a logical name, which has to be there. */
export function named(evaluation: Evaluation, name: string): RecordedResource {
  const found = evaluation.resources.find((resource) => resource.isCustom && resource.name === name);
  if (found === undefined) throw new Error(`There is no ${name}.`);
  return found;
}

/** What would be made in AWS, by logical name: nothing, when a stage was refused before anything was declared. */
export function declaredInAws({ resources }: Evaluation): string[] {
  return resources.filter(({ isCustom, type }) => isCustom && type.startsWith("aws:")).map(({ name }) => name);
}

/** Reads an input by path: `input(instance, "metadataOptions", "httpTokens")`. */
export function input(resource: RecordedResource, ...path: string[]): unknown {
  let value: unknown = resource.inputs;
  for (const key of path)
    value = typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined;
  return value;
}

/** A copy in which the resources of one type have other inputs. */
export function withInputs(evaluation: Evaluation, type: string, inputs: Record<string, unknown>): Evaluation {
  const resources = evaluation.resources.map((resource) =>
    resource.type === type ? { ...resource, inputs: { ...resource.inputs, ...inputs } } : resource,
  );
  return { ...evaluation, resources };
}

/** A copy with one resource more, of our own making: to see a rule find it. */
export function withResource(
  evaluation: Evaluation,
  type: string,
  inputs: Record<string, unknown>,
  { name = "NetworkBad", dependsOn = [] }: { readonly name?: string; readonly dependsOn?: readonly string[] } = {},
): Evaluation {
  const options = {
    parent: "",
    protect: false,
    retainOnDelete: false,
    deleteBeforeReplace: false,
    ignoreChanges: [],
    dependsOn,
  };
  const resource: RecordedResource = { type, name, isCustom: true, inputs, secretInputs: [], options };
  return { ...evaluation, resources: [...evaluation.resources, resource] };
}

/** One of our own by its logical name, or one of a VPC that was there before (`test/support/sst/cloud.ts`). */
export function isPrivateSubnet(id: string): boolean {
  return id.includes("PrivateSubnet") || id.startsWith("subnet-private-");
}
