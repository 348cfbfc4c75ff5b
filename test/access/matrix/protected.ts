import { allow, deny, never, type Row } from "./row.ts";
import { awsDocument, bastion, login, shellOn, tunnelDocument } from "./targets.ts";
import { ofProduction, ofTools } from "./tunnel-people.ts";
import { breakGlass } from "./principals.ts";

const anyHost = awsDocument("AWS-StartPortForwardingSessionToRemoteHost");

const start = "ssm:StartSession";
const connect = "rds-db:connect";

/** A protected stage, with its name in one's tag and without having broken glass; and with. */
export const protectedTunnelRows: readonly Row[] = [
  never(ofProduction, start, bastion("production", "production"), "a tag alone opens no protected stage"),
  never(ofProduction, start, tunnelDocument("production", "production"), "a tag alone opens no protected stage"),
  never(ofProduction, connect, login("db-PRODUCTION", "postern_readonly", "production"), "nor lets it in"),
  allow(
    breakGlass("production"),
    connect,
    login("db-PRODUCTION", "postern_readonly", "production"),
    "who may write may read",
  ),
  deny(
    breakGlass("production"),
    connect,
    login("db-OTHER", "postern_readonly", "production"),
    "a database that is not the stage's",
  ),
  deny(breakGlass("production"), connect, login("db-PRODUCTION", "postern", "production"), "the master's login"),
  never(ofTools, start, bastion("production", "production"), "other stage, and protected"),
  allow(
    breakGlass("production"),
    start,
    [bastion("production", "production"), tunnelDocument("production", "production")],
    "that is what it is for",
  ),
  allow(breakGlass("production"), start, [bastion("production", "production"), anyHost], "it is an operator's"),
  allow(
    breakGlass("production"),
    connect,
    login("db-PRODUCTION", "postern_operator", "production"),
    "it is an operator's",
  ),
  deny(
    breakGlass("production"),
    start,
    shellOn(bastion("production", "production")),
    "other document: not even here a shell",
  ),
  deny(
    breakGlass("production"),
    start,
    [bastion("reports", "production"), tunnelDocument("reports", "production")],
    "the glass of another stage",
  ),
  allow(
    breakGlass("reports"),
    start,
    [bastion("reports", "production"), tunnelDocument("reports", "production")],
    "its own",
  ),
  deny(
    breakGlass("reports"),
    connect,
    login("db-PRODUCTION", "postern_operator", "production"),
    "the glass of another stage",
  ),
];
