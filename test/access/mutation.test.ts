import { expect, it } from "vitest";
import { huntMutants } from "./mutation/hunt.ts";
import { synthesisedExample } from "./synthesise.ts";

const alone = "it is any of its type already, and the action takes nothing else";

const reached = "the other one reaches it, too: `pr-*` goes over what comes between";

/** Mutants that no row can catch, each with the reason. */
const equivalent: Readonly<Record<string, string>> = {
  "postern-access-ci-…-state, KeepState: without Resource arn:aws:s3:::sst-state-*/*/postern/pr-*/*": reached,
  "postern-access-ci-…-state, OwnNamespace: * for arn:aws:servicediscovery:eu-central-1:ACCOUNT:namespace/*": alone,
  "postern-access-ci-…-functions, Logs: without Resource arn:aws:logs:eu-central-1:ACCOUNT:log-group:/aws/rds/proxy/postern-pr-*:*":
    reached,
  "postern-access-ci-…-network, CreateVpc: * for arn:aws:ec2:eu-central-1:ACCOUNT:vpc/*": alone,
  "postern-access-ci-…-network, CreateInternetGateway: * for arn:aws:ec2:eu-central-1:ACCOUNT:internet-gateway/*":
    alone,
  "postern-access-ci-…-network, AllocateAddress: * for arn:aws:ec2:eu-central-1:ACCOUNT:elastic-ip/*": alone,
  "postern-access-ci-…-network, ImportKeyPair: * for arn:aws:ec2:eu-central-1:ACCOUNT:key-pair/*": alone,
  "postern-access-ci-…-tags, TagWhatIsMade: without ec2:CreateAction CreateSecurityGroup":
    "a group that is being made has no tags, and is as a VPC's default group (TagDefaultGroup)",
  "postern-access-ci-…-tags, EmptyDefaultGroup: * for arn:aws:ec2:eu-central-1:ACCOUNT:security-group/*": alone,
  "postern-access-ci-…-database, MasterSecretKey: * for arn:aws:kms:eu-central-1:ACCOUNT:key/*": alone,
  "postern-access-ci-…-roles, ServiceLinkedRoles: * for arn:aws:iam::ACCOUNT:role/aws-service-role/*":
    "AWS makes these roles below this path, whatever is asked for",
  "postern-boundary, OwnMasterSecret: * for arn:aws:secretsmanager:eu-central-1:ACCOUNT:secret:rds!db-*":
    "RDS alone puts the tag on a secret, and on no other",
  "postern-boundary, SecretsKeys: * for arn:aws:kms:eu-central-1:ACCOUNT:key/*": alone,
};

const hunted = await huntMutants(synthesisedExample());
const survivors = hunted.filter(({ caughtBy }) => caughtBy === undefined).map(({ name }) => name);

const caught = `${hunted.length - survivors.length} of ${hunted.length} mutants are caught by a row of the matrix`;
const whose =
  "all of people's policies, of the boundary and of the trust of roles; of CI's deploy policies all but the loss of one action of many";

it(`${caught}: ${whose}`, () => {
  expect(hunted.length).toBeGreaterThan(800);
  expect(survivors).toStrictEqual(Object.keys(equivalent));
});
