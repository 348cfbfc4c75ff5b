import type { ErrorCode } from "#lib/base/errors.ts";
import type { FarEndVerdict } from "./traits.ts";

/** What only the doctor tells: a tunnel has the words of whatever it could not reach. */
type OwnCode = "ssh.unreachable" | "ssh.jump";

/** What a tunnel through SSH says of its own way: each of its reasons is a verdict of the same name. */
export const sshVerdicts = {
  "ssh.unreachable": {
    summary: "The SSH server cannot be reached.",
    proof: "Its name or port did not answer, or closed before keys were agreed upon; the evidence says which.",
    fix: "Check host and port of the SSH server, that it runs, and that it lets this address in.",
    traits: { place: "to-bastion", source: "way", suspects: ["tunnel"] },
    fails: "link",
  },
  "ssh.jump": {
    summary: "The jump host does not reach the next SSH server.",
    proof: "The jump host let us in, and said that it cannot open the way to the next one.",
    fix: "Check the next server's name and port as the jump host knows them, and what stands between the two.",
    traits: { place: "to-bastion", source: "way", suspects: [] },
    fails: "link",
  },
  "ssh.auth": {
    summary: "The SSH server takes none of the keys.",
    proof: "Its host key is right, and it refused each key that was offered.",
    fix: "Check the user, and that the server knows this key.",
    traits: { place: "bastion", source: "way", suspects: [] },
    fails: "link",
  },
  "ssh.passphrase": {
    summary: "The SSH key is encrypted, and its passphrase is missing or wrong.",
    proof: "The key's file could not be decrypted.",
    fix: "Set POSTERN_SSH_PASSPHRASE, or add the key to the agent.",
    traits: { place: "here", source: "way", suspects: [] },
    fails: "link",
  },
  "ssh.key-format": {
    summary: "The SSH key cannot be read.",
    proof: "It is none of the forms of RSA, Ed25519 or ECDSA keys.",
    fix: "Name the private key, in OpenSSH's form, PEM or PKCS 8.",
    traits: { place: "here", source: "way", suspects: [] },
    fails: "link",
  },
  "ssh.key-missing": {
    summary: "There is no SSH key to log in with.",
    proof: "Neither a named file nor the agent nor the usual files have one.",
    fix: "Name the private key's file with --ssh-key, or add it to the agent.",
    traits: { place: "here", source: "way", suspects: [] },
    fails: "link",
  },
  "ssh.key-permissions": {
    summary: "Others may read the SSH key.",
    proof: "The mode of the key's file.",
    fix: "Run chmod 600 on it.",
    traits: { place: "here", source: "way", suspects: [] },
    fails: "link",
  },
  "ssh.host-key-changed": {
    summary: "The SSH server's key is not the one that is known.",
    proof: "The known_hosts file has another key for it.",
    fix: "If the server was replaced, take its old line out of known_hosts; else somebody stands in between.",
    traits: { place: "bastion", source: "way", suspects: [] },
    fails: "link",
  },
  "ssh.host-key-unknown": {
    summary: "The SSH server's key is not known.",
    proof: "The known_hosts file has no line for it.",
    fix: "Add its key to known_hosts after comparing its fingerprint.",
    traits: { place: "bastion", source: "way", suspects: [] },
    fails: "link",
  },
  "ssh.forbidden": {
    summary: "The SSH server forbids forwarding to the database.",
    proof: "It let us in, and refused the way to the database as prohibited.",
    fix: "Allow it there: AllowTcpForwarding, PermitOpen, and the key's own options in authorized_keys.",
    traits: { place: "bastion", source: "way", suspects: [] },
    fails: "stream",
  },
  "ssh.refused": {
    summary: "The SSH server is refused at the database's port.",
    proof: "It let us in, and says that it could not connect.",
    fix: "Check that the database runs, its host and port, and its security group.",
    traits: { place: "to-database", source: "way", suspects: ["database"] },
    fails: "stream",
  },
  "ssh.host-unresolved": {
    summary: "The SSH server cannot resolve the database's name.",
    proof: "It let us in, and says that it does not know the name.",
    fix: "Check the name, as that server would resolve it.",
    traits: { place: "to-database", source: "way", suspects: ["database"] },
    fails: "stream",
  },
  "ssh.no-answer": {
    summary: "The SSH server gets no answer from the database.",
    proof: "It let us in, and says neither yes nor no to the way to the database; or that it timed out there.",
    fix: "Let the SSH server in at the database's security group; then look at the database.",
    traits: { place: "to-database", source: "way", suspects: ["way", "database"] },
    fails: "stream",
  },
  "ssh.lost": {
    summary: "The connection to the SSH server broke off.",
    proof: "It ended after the login.",
    fix: "Look at the server's log, and at the link.",
    traits: { place: "to-bastion", source: "way", suspects: ["tunnel"] },
    fails: "link",
  },
  "ssh.failed": {
    summary: "SSH failed, for a reason of its own.",
    proof: "Its words are in the evidence.",
    fix: "Read them.",
    traits: { place: "to-bastion", source: "way", suspects: [] },
    fails: "link",
  },
} as const satisfies Record<Extract<ErrorCode, `ssh.${string}`> | OwnCode, FarEndVerdict>;
