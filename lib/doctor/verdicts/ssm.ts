import type { ErrorCode } from "#lib/base/errors.ts";
import type { FarEndVerdict } from "./traits.ts";

/** What a tunnel through Session Manager says of its own way: each of its reasons is a verdict of the same name. */
export const ssmVerdicts = {
  "ssm.target-missing": {
    summary: "The bastion that the stage names does not exist.",
    proof: "Session Manager is not connected to it, and EC2 knows no such instance.",
    fix: "Check region and account; else deploy the stage again, which names its present bastion.",
    traits: { place: "bastion", source: "way", suspects: ["tunnel"] },
    fails: "link",
  },
  "ssm.bastion-stopped": {
    summary: "The bastion is not running.",
    proof: "Session Manager is not connected to it, and EC2 says in which state it is.",
    fix: "Start the instance, then run this again.",
    traits: { place: "bastion", source: "way", suspects: ["tunnel"] },
    fails: "link",
  },
  "ssm.agent-offline": {
    summary: "The agent on the bastion does not answer Session Manager.",
    proof: "The instance runs (or nobody may look), and Session Manager is not connected to it.",
    fix: "Reboot the instance; then look at its way out: its address, its route and port 443.",
    traits: { place: "bastion", source: "way", suspects: ["tunnel"] },
    fails: "link",
  },
  "ssm.document-missing": {
    summary: "The session document of the stage's tunnel does not exist.",
    proof: "StartSession says InvalidDocument.",
    fix: "Deploy the stage again.",
    traits: { place: "gateway", source: "way", suspects: [] },
    fails: "link",
  },
  "ssm.session-limit": {
    summary: "Session Manager begins no further session for now.",
    proof: "StartSession says that the account's rate or number of sessions is used up.",
    fix: "End sessions that nobody needs, wait a minute, and run this again.",
    traits: { place: "gateway", source: "way", suspects: [] },
    fails: "link",
  },
  "ssm.refused": {
    summary: "The bastion is refused at the database's port.",
    proof: "The agent says that it could not connect (ConnectToPortError).",
    fix: "Check that the database runs, and its host and port as the stage's document has them.",
    traits: { place: "to-database", source: "way", suspects: ["database"] },
    fails: "stream",
  },
  "ssm.host-unresolved": {
    summary: "The bastion cannot resolve the database's name.",
    proof: "The session began, and its agent acknowledges nothing that is sent to the database.",
    fix: "Check the name in the stage's document, and the DNS settings of the VPC.",
    traits: { place: "to-database", source: "way", suspects: ["database"] },
    fails: "stream",
  },
  "ssm.no-answer": {
    summary: "The bastion gets no answer from the database.",
    proof: "The agent acknowledges what is sent to the database, and nothing ever comes back.",
    fix: "Let the bastion's group in at the database's security group; then look at the database.",
    traits: { place: "to-database", source: "way", suspects: ["way", "database"] },
    fails: "stream",
  },
  "ssm.handshake": {
    summary: "The session begins, and the agent on the bastion does not.",
    proof: "StartSession gave a session; its handshake is not over in time.",
    fix: "Try again; else reboot the bastion.",
    traits: { place: "bastion", source: "way", suspects: ["tunnel"] },
    fails: "link",
  },
  "ssm.session-ended": {
    summary: "The session was ended from outside.",
    proof: "Session Manager closed the channel and gave its reason.",
    fix: "Start another; look at who terminates sessions, and at the account's limits on their time.",
    traits: { place: "gateway", source: "way", suspects: [] },
    fails: "link",
  },
  "ssm.lost": {
    summary: "The connection to Session Manager is lost.",
    proof: "The session's socket was refused or broke off, and could not be opened again.",
    fix: "Check this machine's way to ssmmessages, port 443: a proxy that knows no WebSocket ends it so.",
    traits: { place: "to-gateway", source: "way", suspects: ["tunnel"] },
    fails: "link",
  },
  "ssm.protocol": {
    summary: "Session Manager or the agent said what this client does not understand.",
    proof: "A message of the session broke the protocol.",
    fix: "Try the tunnel with --engine plugin, and report it.",
    traits: { place: "gateway", source: "way", suspects: [] },
    fails: "link",
  },
  "ssm.plugin-missing": {
    summary: "AWS's session-manager-plugin is not installed.",
    proof: "The plugin engine was asked for, and there is no such program.",
    fix: "Install it, or leave out --engine plugin.",
    traits: { place: "here", source: "way", suspects: [] },
    fails: "link",
  },
  "ssm.plugin-failed": {
    summary: "AWS's session-manager-plugin ended.",
    proof: "Its own words are in the evidence.",
    fix: "Read them; or leave out --engine plugin.",
    traits: { place: "here", source: "way", suspects: [] },
    fails: "link",
  },
} as const satisfies Record<Extract<ErrorCode, `ssm.${string}`>, FarEndVerdict>;
