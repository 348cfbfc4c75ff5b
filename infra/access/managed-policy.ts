import { CfnManagedPolicy } from "aws-cdk-lib/aws-iam";
import type { Construct } from "constructs";
import { accessPath } from "#lib/contract.ts";
import { AccessSettingsRefused } from "./settings/refused.ts";
import { policyDocument, type Statement } from "./statement.ts";

/** Characters of a managed policy, white space not counted. */
const maxSize = 6144;

type ManagedPolicy = {
  readonly name: string;
  /** Default: none. */
  readonly description?: string;
  readonly statements: readonly Statement[];
  /** What makes it shorter, for whoever is told that it is too long. */
  readonly shorter: string;
};

/**
 * A policy of the baseline, under its path.
 *
 * @throws AccessSettingsRefused where IAM would refuse its size, which else a deploy would find half-way
 */
export function declareManagedPolicy(
  scope: Construct,
  id: string,
  { name, description, statements, shorter }: ManagedPolicy,
): CfnManagedPolicy {
  const document = policyDocument(statements);
  const size = JSON.stringify(document).replaceAll(/\s/g, "").length;
  if (size > maxSize) {
    throw new AccessSettingsRefused(`The policy ${name} has ${size} characters, and IAM takes ${maxSize}. ${shorter}`);
  }
  return new CfnManagedPolicy(scope, id, {
    managedPolicyName: name,
    path: accessPath,
    ...(description === undefined ? {} : { description }),
    policyDocument: document,
  });
}
