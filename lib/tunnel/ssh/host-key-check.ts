import type { ServerHostKeyAlgorithm } from "ssh2";
import type { PosternError } from "#lib/base/errors.ts";
import type { Log } from "#lib/base/log.ts";
import type { SshHost } from "./client-config.ts";
import { answerHostKey } from "./host-key.ts";
import { fingerprintOf, knownKeyTypes } from "./known-hosts.ts";
import { appendKnownHost, readKnownHosts } from "./known-hosts-file.ts";

/** The question whether the server is the one that is meant, for one connection. */
export type HostKeyCheck = {
  /** For the negotiation: kinds of which a key is known come first, else a server with several shows an unknown one. */
  readonly algorithms: readonly ServerHostKeyAlgorithm[];
  /** Asked at each key exchange, also at those in the middle of a connection, where the key must be the first one. */
  verify(key: Buffer): boolean;
  /** Why `verify` said no. */
  refusal(): PosternError | undefined;
  /** Writes down a key that was taken on trust: once the login has worked, by when the server has proven it has it. */
  keep(): Promise<void>;
};

/** Without ssh-rsa, which is a signature with SHA-1: RSA keys sign with SHA-2 as well. */
const algorithms: readonly ServerHostKeyAlgorithm[] = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "rsa-sha2-512",
  "rsa-sha2-256",
];

export async function prepareHostKeyCheck(host: SshHost, log: Log | undefined): Promise<HostKeyCheck> {
  const known = await readKnownHosts(host.knownHostsFiles);
  const types = knownKeyTypes(known.entries, host.knownAs);
  const isKnown = (algorithm: ServerHostKeyAlgorithm) =>
    types.includes(algorithm.startsWith("rsa-") ? "ssh-rsa" : algorithm);
  const [file] = host.knownHostsFiles;
  let first: Buffer | undefined;
  let reason: PosternError | undefined;
  let newLine: string | undefined;
  return {
    algorithms: [...algorithms.filter(isKnown), ...algorithms.filter((one) => !isKnown(one))],
    verify: (key) => {
      if (first !== undefined) return first.equals(key);
      const answer = answerHostKey({ address: host.knownAs, key, known, file, acceptNew: host.acceptNew });
      switch (answer.outcome) {
        case "refused":
          reason = answer.reason;
          return false;
        case "new":
          newLine = answer.line;
          break;
        case "known":
          break;
        default:
          return answer satisfies never;
      }
      first = key;
      return true;
    },
    refusal: () => reason,
    keep: async () => {
      if (newLine === undefined || file === undefined || first === undefined) return;
      await appendKnownHost(file, newLine);
      log?.info("the key of a new SSH server was added", { file, fingerprint: fingerprintOf(first) });
      newLine = undefined;
    },
  };
}
