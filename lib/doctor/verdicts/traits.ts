/** `summary` completes "…: it is broken because", `proof` says what the probes must have seen, `fix` is the one thing to do. */
export type VerdictTexts = {
  readonly summary: string;
  readonly proof: string;
  readonly fix: string;
};

export type Verdict = VerdictTexts & { readonly traits: Traits };

/** Of a stage's transport. `fails`: the link to its far end, or a stream that the far end was to open to the database. */
export type FarEndVerdict = Verdict & { readonly fails: "link" | "stream" };

/** What follows from a code, whichever probes led to it. */
export type Traits = {
  readonly place: FaultPlace;
  readonly source: Source;
  readonly suspects: readonly Suspect[];
};

/**
 * Where the way is broken.
 *
 * - `here`, `gateway`, `bastion`: in that hop; `to-gateway`, `to-bastion`, `to-database`: on the link to it; whichever step failed
 * - `path`: on the link to the database, once a transport is up · `server`: in the database
 * - `either`: on that link or in the database, as the failed step or another vantage tells
 * - `proxy`: in the proxy, where the way leads through one; else `either`
 */
export type FaultPlace =
  | "here"
  | "gateway"
  | "bastion"
  | "to-gateway"
  | "to-bastion"
  | "to-database"
  | "path"
  | "server"
  | "either"
  | "proxy";

/**
 * Whose word it is, and so what it means that another vantage fares well.
 *
 * - `login`: the server's or a pooler's, to this login: another one may fare otherwise · `limit`: the same, but for no word of the server's
 * - `tls-mode`: the server's, on whether there is to be TLS · `identity`: whom it shows itself to be: another server, perhaps
 * - `server`: the server's, to anybody
 * - `caller`: AWS's, of whoever asks it · `service`: AWS or the stage's function fails · `stage`: AWS's, of the stage's parts
 * - `way`: nobody's. It was seen, and may be the doing of whatever stands on the way.
 */
export type Source = "login" | "limit" | "tls-mode" | "identity" | "server" | "caller" | "service" | "stage" | "way";

/**
 * What of a stage may be behind it, so that what AWS says of these explains it.
 *
 * - `tunnel`: no session with the bastion began, and nothing behind it was reached
 * - `way`: a group that drops packets looks like this
 * - `database`: one that is not there, or comes or goes, looks like this
 * - `proxy-login`: a proxy that cannot log in to its database looks like this, to who comes through it
 */
export type Suspect = "tunnel" | "way" | "database" | "proxy-login";
