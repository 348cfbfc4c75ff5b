import { PosternError } from "#lib/base/errors.ts";
import { toDatabaseError } from "#lib/postgres/errors.ts";

/** What ssh2 and SSH servers say, in the words of this project. Pure. */

/** How far a connection had come. */
export type SshPhase = "handshake" | "login" | "live";

export type SshFailure = {
  readonly phase: SshPhase;
  /** "ec2-user@bastion.example.com:22". */
  readonly server: string;
};

/** Of a DISCONNECT message: https://www.rfc-editor.org/rfc/rfc4253#section-11.1 */
const noMoreMethods = 14;

/** An error event of ssh2's client, which gives its kind as `level`, or the number of a DISCONNECT message as `code`. */
export function toSshError(error: unknown, { phase, server }: SshFailure): PosternError {
  if (error instanceof PosternError) return error;
  const text = plainText(error);
  const { level, code } = fieldsOf(error);
  if (typeof code === "number") {
    if (phase === "login" && (code === noMoreMethods || /authentication fail/iu.test(text))) {
      return new PosternError("ssh.auth", `${server} ended the login: ${text}.`, { hint: tooManyKeys, cause: error });
    }
    return new PosternError("ssh.failed", `${server} ended the connection: ${text}.`, { cause: error });
  }
  if (level === "client-socket" || (typeof code === "string" && level === undefined)) return lost(phase, server, error);
  if (/before handshake/u.test(text)) return lost(phase, server, error);
  if (phase === "handshake") {
    return new PosternError("ssh.failed", `No SSH connection to ${server} came about: ${text}.`, {
      hint: "Check the port (something else may listen there), and whether the server is too old for today's algorithms.",
      cause: error,
    });
  }
  return new PosternError("ssh.failed", `The connection to ${server} failed: ${text}.`, { cause: error });
}

/** The connection went away without a word, or with the operating system's. */
export function lost(phase: SshPhase, server: string, cause?: unknown): PosternError {
  const { code } = fieldsOf(cause);
  const how = typeof code === "string" ? ` (${code})` : "";
  if (phase === "live") return new PosternError("ssh.lost", `The connection to ${server} broke off${how}.`, { cause });
  const when = phase === "login" ? "during the login" : "before keys were agreed upon";
  return new PosternError("endpoint.closed", `The connection to ${server} was closed ${when}${how}.`, {
    hint: "Check the port, and whether the server takes connections from here (its firewall, MaxStartups).",
    cause,
  });
}

/** A TCP connection that did not come about: the words are those that PostgreSQL's connections have. */
export function toReachError(error: unknown, server: string): PosternError {
  const reached = toDatabaseError(error, `connecting to the SSH server ${server}`);
  if (reached.code !== "db.failed") return reached;
  return new PosternError("ssh.failed", reached.message, { cause: error });
}

/** Reasons of CHANNEL_OPEN_FAILURE: https://www.rfc-editor.org/rfc/rfc4254#section-5.1 */
const openFailure = { prohibited: 1, connectFailed: 2, unknownType: 3 } as const;

/** As the resolvers of glibc, musl, macOS and the BSDs say it; OpenSSH passes their words on. */
const unresolved =
  /name or service not known|name does not resolve|nodename nor servname|no address associated|name resolution|unknown host|not found/iu;

/** A stream that the server did not open. `purpose` is what was to be there: "PostgreSQL", "the next SSH server". */
export function toOpenError(
  error: unknown,
  about: { readonly server: string; readonly target: string; readonly purpose: string },
): PosternError {
  if (error instanceof PosternError) return error;
  const { server, target, purpose } = about;
  const { reason } = fieldsOf(error);
  const words = plainText(error).replace(/^\(SSH\) Channel open failure:\s*/u, "");
  // A server need not give any.
  const text = words === "" ? "it gave no reason" : words;
  if (reason === openFailure.prohibited || reason === openFailure.unknownType) {
    return new PosternError("ssh.forbidden", `${server} does not forward to ${target}: ${text}.`, { cause: error });
  }
  if (reason !== openFailure.connectFailed) {
    const code = reason === undefined || reason === "" ? "ssh.lost" : "ssh.failed";
    return new PosternError(code, `${server} opened no connection to ${target}: ${text}.`, { cause: error });
  }
  if (unresolved.test(text)) {
    return new PosternError("ssh.host-unresolved", `${server} cannot resolve ${target}: ${text}.`, { cause: error });
  }
  const code = /timed out/iu.test(text) ? "ssh.no-answer" : "ssh.refused";
  return new PosternError(code, `${server} does not reach ${purpose} at ${target}: ${text}.`, {
    hint: `Check host and port, that ${purpose} runs there, and the security group or firewall between the two.`,
    cause: error,
  });
}

export type LoginFailure = {
  readonly server: string;
  readonly user: string;
  /** What was offered, for people. */
  readonly offered: readonly string[];
  /** What the server takes, as it says; empty where it said nothing. */
  readonly accepted: readonly string[];
  /** The key was taken, and the server wants something else, too. */
  readonly isPartial: boolean;
  readonly problems: readonly PosternError[];
};

/** The server took none of the keys. A key that could not be used says more: it may be the one that is meant. */
export function toLoginError({ server, user, offered, accepted, isPartial, problems }: LoginFailure): PosternError {
  const [problem] = problems;
  const takes = accepted.length === 0 ? "" : ` It takes: ${accepted.map((one) => plainText(one)).join(", ")}.`;
  if (isPartial) {
    return new PosternError("ssh.auth", `${server} took the key of ${user}, and asks for more.${takes}`, {
      hint: "Logins with a second factor are not supported: use a user who needs the key alone.",
    });
  }
  if (accepted.length > 0 && !accepted.includes("publickey")) {
    return new PosternError("ssh.auth", `${server} lets ${user} not log in with a key.${takes}`, {
      hint: "Use a user who may log in with a key.",
    });
  }
  const message = `${server} took none of the keys of ${user}: ${offered.join("; ")}.${takes}`;
  if (problem === undefined) return new PosternError("ssh.auth", message);
  return new PosternError(problem.code, `${problem.message} ${message}`, { hint: problem.hint, cause: problem });
}

const tooManyKeys =
  "Name the one key for this server (its file, or IdentityFile with IdentitiesOnly yes in ~/.ssh/config), and check the user.";

const maxTextLength = 300;

/** A server's words go to a terminal: on one line, without control characters, and not without end. */
export function plainText(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const plain = text
    .replaceAll(/[\s\p{Cc}\p{Cf}]+/gu, " ")
    .trim()
    .replace(/\.$/u, "");
  return plain.length > maxTextLength ? `${plain.slice(0, maxTextLength)}…` : plain;
}

function fieldsOf(error: unknown): { readonly level?: unknown; readonly code?: unknown; readonly reason?: unknown } {
  return typeof error === "object" && error !== null ? error : {};
}
