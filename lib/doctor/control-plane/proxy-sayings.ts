import type { ProxyLogLine } from "#lib/control-plane/proxy-log.ts";

/** What a line of RDS Proxy's log says of a failure. */
export type ProxySaying = {
  readonly kind: ProxySayingKind;
  readonly at: Date;
  /** The proxy's words, no more of them than are known here: a line may hold the SQL of clients beside. */
  readonly text: string;
  /** Of the login that it is about, where the line names one: a role, or the ARN of a secret. */
  readonly role?: string;
  readonly secret?: string;
};

/**
 * - `secret-forbidden`, `secret-doubled`, `no-credentials`: the proxy cannot have the password of a role
 * - `client-refused`: it does not take a client's login · `tls-required`: nor a client without TLS
 * - `password-refused`, `login-refused`: the database does not take the proxy's login, for its password or at all
 * - `database-full`: it has no connection left for the proxy
 * - `timed-out`: a client waited in vain for a connection of the pool
 */
export type ProxySayingKind =
  | "secret-forbidden"
  | "secret-doubled"
  | "no-credentials"
  | "client-refused"
  | "tls-required"
  | "password-refused"
  | "login-refused"
  | "database-full"
  | "timed-out";

type Shape = {
  readonly kind: ProxySayingKind;
  /** Of the whole line, so that CloudWatch finds it. */
  readonly phrase: string;
  /** All that it matches is shown: known words, and names, which have no apostrophe where SQL would have one. */
  readonly pattern: RegExp;
  /** In words of PostgreSQL's, which anybody may put into a query: believed where the line is no client's. */
  readonly isOfDatabase?: true;
};

/**
 * Texts that RDS Proxy and PostgreSQL are known to write. AWS documents those that clients get; of the log's own it shows none:
 * https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy.troubleshooting.html
 * https://github.com/aws/aws-cdk/issues/28847, https://github.com/JuliaDatabases/MySQL.jl/issues/201
 */
const shapes: readonly Shape[] = [
  {
    kind: "secret-forbidden",
    phrase: "Credentials couldn't be retrieved",
    pattern:
      /^Credentials couldn't be retrieved\. The IAM role "arn:[\w:/+=,.@-]{1,600}" is not authorized to read the AWS Secrets Manager secret with the ARN "(?<secret>arn:[\w:/+=,.@-]{1,600})"/u,
  },
  {
    kind: "secret-doubled",
    phrase: "Credentials couldn't be retrieved",
    pattern:
      /^Credentials couldn't be retrieved\. The database user "(?<role>[^"'\n]{1,63})" was found in multiple DB proxy authentication entries/u,
  },
  {
    kind: "no-credentials",
    phrase: "Credentials couldn't be retrieved",
    pattern: /^Credentials couldn't be retrieved\./u,
  },
  {
    kind: "client-refused",
    phrase: "failed for user",
    pattern:
      /^Proxy authentication with [\w -]{1,80} failed for user "(?<role>[^"'\n]{1,63})"(?: with TLS (?:on|off))?(?:\. Reason: Invalid credentials)?/u,
  },
  {
    kind: "tls-required",
    phrase: "requires TLS connections",
    pattern: /^This RDS Proxy requires TLS connections/u,
  },
  {
    kind: "timed-out",
    phrase: "Timed-out waiting to acquire",
    pattern: /^Timed-out waiting to acquire (?:a )?database connection/u,
  },
  {
    kind: "password-refused",
    phrase: "failed for user",
    pattern: /\bpassword authentication failed for user "(?<role>[^"'\n]{1,63})"/u,
    isOfDatabase: true,
  },
  {
    kind: "login-refused",
    phrase: "no pg_hba.conf entry",
    pattern:
      /\bno pg_hba\.conf entry for host "[\w.:%/[\]-]{1,255}", user "(?<role>[^"'\n]{1,63})", database "[^"'\n]{1,63}"/u,
    isOfDatabase: true,
  },
  {
    kind: "login-refused",
    phrase: "is not permitted to log in",
    pattern: /\brole "(?<role>[^"'\n]{1,63})" is not permitted to log in/u,
    isOfDatabase: true,
  },
  {
    kind: "database-full",
    phrase: "connection slots are reserved",
    pattern: /\bremaining connection slots are reserved\b/u,
    isOfDatabase: true,
  },
  {
    kind: "database-full",
    phrase: "too many clients already",
    pattern: /\bsorry, too many clients already\b/u,
    isOfDatabase: true,
  },
  {
    kind: "database-full",
    phrase: "too many connections for role",
    pattern: /\btoo many connections for role "(?<role>[^"'\n]{1,63})"/u,
    isOfDatabase: true,
  },
];

/** What a log is searched for. */
export const proxyPhrases: readonly string[] = [...new Set(shapes.map(({ phrase }) => phrase))];

/** What the lines say of failures, in their order. What is not known here says nothing. Pure. */
export function readProxySayings(lines: readonly ProxyLogLine[]): readonly ProxySaying[] {
  return lines.flatMap(({ at, message }) => {
    const { isOfClient, text } = splitLine(message);
    for (const { kind, pattern, isOfDatabase } of shapes) {
      const found = isOfClient && isOfDatabase === true ? null : pattern.exec(text);
      if (found === null) continue;
      const { role, secret } = found.groups ?? {};
      const subject = { ...(role === undefined ? {} : { role }), ...(secret === undefined ? {} : { secret }) };
      return [{ kind, at, text: found[0], ...subject }];
    }
    return [];
  });
}

/** As `2026-01-02T03:04:05.678Z [INFO] [proxyEndpoint=default] [clientConnection=1] …`, or the text alone. */
function splitLine(message: string): { readonly isOfClient: boolean; readonly text: string } {
  const [head = ""] = /^(?:\d{4}-\S+\s+)?(?:\[[^\]\n]*\]\s*)*/u.exec(message) ?? [];
  const passedOn = /^Request returned an error: /u;
  const text = message.slice(head.length);
  return { isOfClient: head.includes("[clientConnection=") && !passedOn.test(text), text: text.replace(passedOn, "") };
}
