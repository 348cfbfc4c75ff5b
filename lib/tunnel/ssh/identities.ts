import type { AnyAuthMethod, ParsedKey } from "ssh2";
import { PosternError } from "#lib/base/errors.ts";
import { askAgent, ChosenKeysAgent } from "./agent.ts";
import { defaultIdentityFiles, type SshHost } from "./client-config.ts";
import { type ClientPlace, inPlace } from "./client-place.ts";
import { readKeyFile } from "./key-file.ts";
import { findPublicKey } from "./public-key.ts";
import { fingerprintOf } from "./known-hosts.ts";
import { type PrivateKeyText, type ReadPrivateKey, readPrivateKey } from "./private-key.ts";

/** What is offered to a server, in order. */
export type Identities = {
  readonly methods: readonly AnyAuthMethod[];
  /** For messages: "~/.ssh/id_ed25519 (ssh-ed25519 SHA256:…)". */
  readonly descriptions: readonly string[];
  /** Keys that could not be used. The first says most, where the server takes none of the others. */
  readonly problems: readonly PosternError[];
};

/** A key that the caller names himself: then no other is offered. */
export type GivenKey = { readonly file: string } | { readonly text: string; readonly from: string };

export type IdentityOptions = {
  readonly host: SshHost;
  readonly place: ClientPlace;
  readonly given: GivenKey | undefined;
  readonly passphrase: string | undefined;
  readonly read?: (key: PrivateKeyText) => ReadPrivateKey;
};

/**
 * Finds the keys to log in with.
 * 1. A given key alone. Where it is encrypted without a passphrase, the agent is asked for that key.
 * 2. Else the agent's keys that the configured files name (a public key's file may stand for a private one that only
 *    the agent has), then, unless `IdentitiesOnly` is set, its others.
 * 3. Then the configured files, or the default ones that are there.
 *
 * @throws PosternError ssh.key-missing where there is none at all; for a given key whatever is wrong with it
 */
export async function findIdentities(options: IdentityOptions, signal: AbortSignal): Promise<Identities> {
  const { host, place, given } = options;
  const problems: PosternError[] = [];
  const files = host.identityFiles ?? defaultIdentityFiles(place);
  const candidates =
    given === undefined
      ? await Promise.all(files.map(async (file) => readCandidate({ file }, options)))
      : [await readCandidate(given, options)];
  for (const candidate of candidates) {
    if (candidate.kind !== "problem") continue;
    if (given !== undefined) throw candidate.reason;
    // A default file that is not there is nothing to speak of.
    const isAbsentDefault = host.identityFiles === undefined && candidate.reason.code === "ssh.key-missing";
    if (!isAbsentDefault) problems.push(candidate.reason);
  }
  const locked = candidates.filter((one) => one.kind === "locked");
  problems.push(...locked.map(({ reason }) => reason));

  const wanted = candidates.map(publicKeyOf).filter((key) => key !== undefined);
  const onlyWanted = given !== undefined || host.identitiesOnly;
  const needsAgent = host.agent !== undefined && (given === undefined || locked.length > 0);
  const agent = needsAgent ? await askAgentFor(host, problems, signal) : undefined;
  const held = agent?.keys ?? [];
  const isWanted = (key: ParsedKey) => wanted.some((one) => one.equals(key.getPublicSSH()));
  const chosen = [...held.filter(isWanted), ...(onlyWanted ? [] : held.filter((key) => !isWanted(key)))];
  const own = candidates
    .filter((one) => one.kind === "key")
    .filter(({ key }) => !chosen.some((one) => one.getPublicSSH().equals(key.getPublicSSH())));

  if (chosen.length + own.length === 0) throw problems[0] ?? noKey(host, files);
  const username = host.user;
  return {
    methods: [
      ...(agent === undefined || chosen.length === 0
        ? []
        : [{ type: "agent" as const, username, agent: new ChosenKeysAgent(agent.agent, chosen) }]),
      ...own.map(({ key }) => ({ type: "publickey" as const, username, key })),
    ],
    descriptions: [
      ...chosen.map((key) => describe(key, "the agent")),
      ...own.map(({ key, from }) => describe(key, from)),
    ],
    problems,
  };
}

type Candidate =
  | { readonly kind: "key"; readonly key: ParsedKey; readonly from: string }
  | { readonly kind: "locked"; readonly publicKey: Buffer | undefined; readonly reason: PosternError }
  | { readonly kind: "problem"; readonly reason: PosternError };

async function readCandidate(
  given: GivenKey,
  { place, passphrase, read = readPrivateKey }: IdentityOptions,
): Promise<Candidate> {
  try {
    if ("text" in given) return readText(given.text, given.from);
    const file = inPlace(given.file, place);
    const text = await readKeyFile(file);
    // As ssh has it, the file of a public key stands for the private one that the agent holds.
    const publicKey = findPublicKey(text);
    return publicKey === undefined ? readText(text, file) : { kind: "locked", publicKey, reason: onlyInAgent(file) };
  } catch (error) {
    if (error instanceof PosternError) return { kind: "problem", reason: error };
    throw error;
  }

  function readText(text: string, from: string): Candidate {
    const key = read({ text, from, passphrase });
    return key.kind === "key" ? { ...key, from } : key;
  }
}

function publicKeyOf(candidate: Candidate): Buffer | undefined {
  switch (candidate.kind) {
    case "key":
      return candidate.key.getPublicSSH();
    case "locked":
      return candidate.publicKey;
    case "problem":
      return undefined;
    default:
      return candidate satisfies never;
  }
}

/** An agent that does not answer is a problem only where nothing else opens the door. */
async function askAgentFor({ agent }: SshHost, problems: PosternError[], signal: AbortSignal) {
  if (agent === undefined) return undefined;
  try {
    return await askAgent(agent, signal);
  } catch (error) {
    signal.throwIfAborted();
    problems.push(
      new PosternError("ssh.key-missing", `The SSH agent at ${agent} does not answer.`, {
        hint: "Start it anew, or name the private key's file.",
        cause: error,
      }),
    );
    return undefined;
  }
}

function describe(key: ParsedKey, from: string): string {
  return `${from} (${key.type} ${fingerprintOf(key.getPublicSSH())})`;
}

function onlyInAgent(file: string): PosternError {
  return new PosternError("ssh.key-format", `The private key ${file} cannot be used: it is a public key.`, {
    hint: "Name the private key (the file of the same name without .pub), or add it to the agent.",
  });
}

function noKey({ alias, agent }: SshHost, files: readonly string[]): PosternError {
  const asked = agent === undefined ? "no agent runs (SSH_AUTH_SOCK)" : "the agent holds no key for it";
  return new PosternError(
    "ssh.key-missing",
    `There is no private key to log in at ${alias} with: ${asked}, and there is none of ${files.join(", ")}.`,
  );
}
