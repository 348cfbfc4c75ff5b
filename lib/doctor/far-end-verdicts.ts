import type { ErrorCode } from "#lib/base/errors.ts";
import type { Verdict } from "./verdicts.ts";

/** What only the doctor tells: a tunnel has the words of whatever it could not reach. */
type OwnCode = "ssh.unreachable" | "ssh.jump";

/**
 * What a stage's transport finds out about its own way: each reason of the tunnel's is a verdict of the same name, for
 * nothing behind it was reached.
 */
export const farEndVerdicts = {
  // Session Manager
  "ssm.target-missing": {
    summary: "The bastion that the stage names does not exist.",
    proof: "Session Manager is not connected to it, and EC2 knows no such instance.",
    fix: "Check region and account; else deploy the stage again, which names its present bastion.",
  },
  "ssm.bastion-stopped": {
    summary: "The bastion is not running.",
    proof: "Session Manager is not connected to it, and EC2 says in which state it is.",
    fix: "Start the instance, then run this again.",
  },
  "ssm.agent-offline": {
    summary: "The agent on the bastion does not answer Session Manager.",
    proof: "The instance runs (or nobody may look), and Session Manager is not connected to it.",
    fix: "Reboot the instance; then look at its way out: its address, its route and port 443.",
  },
  "ssm.document-missing": {
    summary: "The session document of the stage's tunnel does not exist.",
    proof: "StartSession says InvalidDocument.",
    fix: "Deploy the stage again.",
  },
  "ssm.session-limit": {
    summary: "Session Manager begins no further session for now.",
    proof: "StartSession says that the account's rate or number of sessions is used up.",
    fix: "End sessions that nobody needs, wait a minute, and run this again.",
  },
  "ssm.refused": {
    summary: "The bastion is refused at the database's port.",
    proof: "The agent says that it could not connect (ConnectToPortError).",
    fix: "Check that the database runs, and its host and port as the stage's document has them.",
  },
  "ssm.host-unresolved": {
    summary: "The bastion cannot resolve the database's name.",
    proof: "The session began, and its agent acknowledges nothing that is sent to the database.",
    fix: "Check the name in the stage's document, and the DNS settings of the VPC.",
  },
  "ssm.no-answer": {
    summary: "The bastion gets no answer from the database.",
    proof: "The agent acknowledges what is sent to the database, and nothing ever comes back.",
    fix: "Let the bastion's group in at the database's security group; then look at the database.",
  },
  "ssm.handshake": {
    summary: "The session begins, and the agent on the bastion does not.",
    proof: "StartSession gave a session; its handshake is not over in time.",
    fix: "Try again; else reboot the bastion.",
  },
  "ssm.session-ended": {
    summary: "The session was ended from outside.",
    proof: "Session Manager closed the channel and gave its reason.",
    fix: "Start another; look at who terminates sessions, and at the account's limits on their time.",
  },
  "ssm.lost": {
    summary: "The connection to Session Manager is lost.",
    proof: "The session's socket was refused or broke off, and could not be opened again.",
    fix: "Check this machine's way to ssmmessages, port 443: a proxy that knows no WebSocket ends it so.",
  },
  "ssm.protocol": {
    summary: "Session Manager or the agent said what this client does not understand.",
    proof: "A message of the session broke the protocol.",
    fix: "Try the tunnel with --engine plugin, and report it.",
  },
  "ssm.plugin-missing": {
    summary: "AWS's session-manager-plugin is not installed.",
    proof: "The plugin engine was asked for, and there is no such program.",
    fix: "Install it, or leave out --engine plugin.",
  },
  "ssm.plugin-failed": {
    summary: "AWS's session-manager-plugin ended.",
    proof: "Its own words are in the evidence.",
    fix: "Read them; or leave out --engine plugin.",
  },

  // SSH
  "ssh.unreachable": {
    summary: "The SSH server cannot be reached.",
    proof: "Its name or port did not answer, or closed before keys were agreed upon; the evidence says which.",
    fix: "Check host and port of the SSH server, that it runs, and that it lets this address in.",
  },
  "ssh.jump": {
    summary: "The jump host does not reach the next SSH server.",
    proof: "The jump host let us in, and said that it cannot open the way to the next one.",
    fix: "Check the next server's name and port as the jump host knows them, and what stands between the two.",
  },
  "ssh.auth": {
    summary: "The SSH server takes none of the keys.",
    proof: "Its host key is right, and it refused each key that was offered.",
    fix: "Check the user, and that the server knows this key.",
  },
  "ssh.passphrase": {
    summary: "The SSH key is encrypted, and its passphrase is missing or wrong.",
    proof: "The key's file could not be decrypted.",
    fix: "Set POSTERN_SSH_PASSPHRASE, or add the key to the agent.",
  },
  "ssh.key-format": {
    summary: "The SSH key cannot be read.",
    proof: "It is none of the forms of RSA, Ed25519 or ECDSA keys.",
    fix: "Name the private key, in OpenSSH's form, PEM or PKCS 8.",
  },
  "ssh.key-missing": {
    summary: "There is no SSH key to log in with.",
    proof: "Neither a named file nor the agent nor the usual files have one.",
    fix: "Name the private key's file with --ssh-key, or add it to the agent.",
  },
  "ssh.key-permissions": {
    summary: "Others may read the SSH key.",
    proof: "The mode of the key's file.",
    fix: "Run chmod 600 on it.",
  },
  "ssh.host-key-changed": {
    summary: "The SSH server's key is not the one that is known.",
    proof: "The known_hosts file has another key for it.",
    fix: "If the server was replaced, take its old line out of known_hosts; else somebody stands in between.",
  },
  "ssh.host-key-unknown": {
    summary: "The SSH server's key is not known.",
    proof: "The known_hosts file has no line for it.",
    fix: "Add its key to known_hosts after comparing its fingerprint.",
  },
  "ssh.forbidden": {
    summary: "The SSH server forbids forwarding to the database.",
    proof: "It let us in, and refused the way to the database as prohibited.",
    fix: "Allow it there: AllowTcpForwarding, PermitOpen, and the key's own options in authorized_keys.",
  },
  "ssh.refused": {
    summary: "The SSH server is refused at the database's port.",
    proof: "It let us in, and says that it could not connect.",
    fix: "Check that the database runs, its host and port, and its security group.",
  },
  "ssh.host-unresolved": {
    summary: "The SSH server cannot resolve the database's name.",
    proof: "It let us in, and says that it does not know the name.",
    fix: "Check the name, as that server would resolve it.",
  },
  "ssh.no-answer": {
    summary: "The SSH server gets no answer from the database.",
    proof: "It let us in, and says neither yes nor no to the way to the database; or that it timed out there.",
    fix: "Let the SSH server in at the database's security group; then look at the database.",
  },
  "ssh.lost": {
    summary: "The connection to the SSH server broke off.",
    proof: "It ended after the login.",
    fix: "Look at the server's log, and at the link.",
  },
  "ssh.failed": {
    summary: "SSH failed, for a reason of its own.",
    proof: "Its words are in the evidence.",
    fix: "Read them.",
  },
} as const satisfies Record<Extract<ErrorCode, `ssm.${string}` | `ssh.${string}`> | OwnCode, Verdict>;
