import { allow, deny, type Row } from "./row.ts";
import { awsDocument, bastion, elsewhere, instance, login } from "./targets.ts";
import { both, operator, developer } from "./tunnel-people.ts";
import { person } from "./principals.ts";

const ownTags = { "postern:app": "postern", "postern:stage": "dev", "postern:part": "network" };
const anyHost = awsDocument("AWS-StartPortForwardingSessionToRemoteHost");

const start = "ssm:StartSession";
const connect = "rds-db:connect";

const readonly = "postern_readonly";
const operatorRole = "postern_operator";

/** Stages whose databases are known, and another of the same account. */
const known = [
  { stage: "dev", id: "db-DEVDEVDEVDEV", account: "development", other: "db-STAGINGSTAGING" },
  { stage: "staging", id: "db-STAGINGSTAGING", account: "development", other: "db-DEVDEVDEVDEV" },
  { stage: "tools", id: "db-TOOLS", account: "production", other: "db-OTHER" },
] as const;

export const loginRows: readonly Row[] = [
  ...known.flatMap(({ stage, id, account, other }): Row[] => {
    const reader = person("Developer", { account, stage, policies: ["developer"] });
    const writer = person("Operator", { account, stage, policies: ["operator"] });
    return [
      allow(reader, connect, login(id, readonly, account), "to read is the default"),
      deny(reader, connect, login(id, operatorRole, account), "to write is for operators"),
      allow(writer, connect, login(id, readonly, account), "who may write may read"),
      allow(writer, connect, login(id, operatorRole, account), "to write is what an operator is for"),
      deny(writer, connect, login(id, "postern_migrator", account), "a service's login"),
      deny(both(stage, account), connect, login(id, "postern", account), "the master's login"),
      deny(both(stage, account), connect, login(other, readonly, account), "a database that is not the stage's"),
      deny(both(stage, account), connect, elsewhere(login(id, readonly, account)), "other region"),
      deny(both(undefined, account), connect, login(id, readonly, account), "untagged"),
      deny(both(`${stage}-2`, account), connect, login(id, readonly, account), "other stage"),
    ];
  }),
  deny(both("preview"), connect, login("db-PREVIEW", readonly), "its database was not said to be its"),
];

/** What operators may beside. */
export const anyHostRows: readonly Row[] = [
  allow(operator, start, [bastion("dev"), anyHost], "any host that his stage's bastion reaches"),
  deny(operator, start, [bastion("staging"), anyHost], "other stage"),
  deny(operator, start, [instance("instance without tags", {}), anyHost], "untagged"),
  deny(
    operator,
    start,
    [instance("instance of another app", { ...ownTags, "postern:app": "shop" }), anyHost],
    "other app",
  ),
  deny(operator, start, anyHost, "the document was not checked", { "ssm:SessionDocumentAccessCheck": "false" }),
  deny(developer, start, [bastion("dev"), anyHost], "other document: any host is for operators"),
];
