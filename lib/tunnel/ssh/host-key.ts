import { PosternError } from "#lib/base/errors.ts";
import {
  fingerprintOf,
  type HostAddress,
  type HostKeyVerdict,
  judgeHostKey,
  keyTypeOf,
  knownHostsLine,
  type KnownHosts,
} from "./known-hosts.ts";

export type HostKeyQuestion = {
  /** As known_hosts names the host. */
  readonly address: HostAddress;
  readonly key: Buffer;
  readonly known: KnownHosts;
  /** Where a line may be added; undefined where the settings name no file. */
  readonly file: string | undefined;
  /** As OpenSSH's `StrictHostKeyChecking accept-new`: an unknown host's first key is taken, and kept. */
  readonly acceptNew: boolean;
};

export type HostKeyAnswer =
  | { readonly outcome: "known" }
  /** Taken on trust: `line` is to be added once the server has proven that it has the key. */
  | { readonly outcome: "new"; readonly line: string }
  | { readonly outcome: "refused"; readonly reason: PosternError };

/** Whether a server that shows this key is the one that is meant, and what to tell whoever must decide. Pure. */
export function answerHostKey(question: HostKeyQuestion): HostKeyAnswer {
  const { address, key, known, file } = question;
  const verdict = judgeHostKey(known.entries, address, key);
  switch (verdict.outcome) {
    case "known":
      return { outcome: "known" };
    case "changed":
    case "revoked":
      return { outcome: "refused", reason: refuse(question, verdict) };
    case "unknown":
      if (question.acceptNew && file !== undefined) return { outcome: "new", line: knownHostsLine(address, key) };
      return { outcome: "refused", reason: unknown(question, verdict) };
    default:
      return verdict satisfies never;
  }
}

function refuse(
  { address, key }: HostKeyQuestion,
  { outcome, entry }: HostKeyVerdict & { outcome: "changed" | "revoked" },
): PosternError {
  const place = `${entry.file}:${entry.line}`;
  if (outcome === "revoked") {
    return new PosternError(
      "ssh.host-key-changed",
      `${describe(address)} shows the host key ${describeKey(key)}, which ${place} revokes.`,
      { hint: "Do not connect: whoever has this key is not to be trusted. Ask who runs the server." },
    );
  }
  return new PosternError(
    "ssh.host-key-changed",
    `${describe(address)} shows the host key ${describeKey(key)}, but ${place} has ${describeKey(entry.key)}.`,
    {
      hint:
        `If the server was replaced, compare the fingerprint with the new server's and take line ${entry.line} ` +
        `out of ${entry.file}; else somebody is in between.`,
    },
  );
}

function unknown(
  { address, key, known, file }: HostKeyQuestion,
  { authority }: HostKeyVerdict & { outcome: "unknown" },
): PosternError {
  const [unreadable] = known.unreadable;
  const notes = [
    authority === undefined
      ? ""
      : ` ${authority.file}:${authority.line} trusts a certificate authority for it, which cannot be checked here.`,
    unreadable === undefined ? "" : ` (${unreadable.file}:${unreadable.line} cannot be read.)`,
  ];
  const line = knownHostsLine(address, key);
  return new PosternError(
    "ssh.host-key-unknown",
    `${describe(address)} shows the host key ${describeKey(key)}, which is not known.${notes.join("")}`,
    {
      hint:
        "If it is the server's own (`ssh-keygen -lf` on its /etc/ssh/ssh_host_*_key.pub), add this line to " +
        `${file ?? "a known_hosts file, and name that"}: ${line}`,
    },
  );
}

function describe({ host, port }: HostAddress): string {
  return `The SSH server ${host}:${port}`;
}

function describeKey(key: Buffer): string {
  return `${keyTypeOf(key) ?? "of an unknown type"} ${fingerprintOf(key)}`;
}
