import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { type Authentication, readAuthentication } from "#lib/postgres/wire/fields.ts";
import { encodePassword, encodeSaslInitialResponse, encodeSaslResponse } from "#lib/postgres/wire/frontend.ts";
import { md5Answer } from "#lib/postgres/wire/md5.ts";
import { ScramError, scramMechanism, startScram } from "#lib/postgres/wire/scram.ts";
import type { Conversation } from "../conversation.ts";
import { type Failure, StepFailed } from "../evidence.ts";

/**
 * Proves the password, and has the server prove that it knows it, too. A password in clear text goes only over TLS, whose
 * certificate was judged before.
 */
export async function authenticate(
  conversation: Conversation,
  address: DatabaseAddress,
  offered: Authentication,
  isSecured: boolean,
  signal: AbortSignal,
): Promise<{ readonly detail: string; readonly found: undefined }> {
  switch (offered.kind) {
    case "ok":
      return proven(conversation, "the server asks for no password");
    case "cleartext":
      if (!isSecured) throw noMethod("a password in clear text, without TLS");
      conversation.send(encodePassword(passwordOf(address)));
      break;
    case "md5":
      conversation.send(encodePassword(md5Answer(address.user, passwordOf(address), offered.salt)));
      break;
    case "sasl":
      if (!offered.mechanisms.includes(scramMechanism)) throw noMethod(offered.mechanisms.join(", "));
      await proveByScram(conversation, passwordOf(address), signal);
      break;
    case "sasl-continue":
    case "sasl-final":
    case "other":
      throw noMethod(offered.kind === "other" ? `method ${offered.code}` : offered.kind);
    default:
      return offered satisfies never;
  }
  const { body } = await conversation.message("R", signal);
  const answer = readAuthentication(body);
  if (answer.kind !== "ok") throw noMethod(answer.kind);
  return proven(conversation, "the password is right");
}

/** An empty one is none: no role of PostgreSQL's has it. */
function passwordOf({ user, password = "" }: DatabaseAddress): string {
  if (password !== "") return password;
  throw new StepFailed({ kind: "no-password" }, `the server asks for the password of ${user}, and none was given`);
}

async function proveByScram(conversation: Conversation, password: string, signal: AbortSignal): Promise<void> {
  const scram = startScram(password);
  conversation.send(encodeSaslInitialResponse(scramMechanism, scram.first));
  try {
    const challenge = readAuthentication((await conversation.message("R", signal)).body);
    if (challenge.kind !== "sasl-continue") throw noMethod(challenge.kind);
    conversation.send(encodeSaslResponse(await scram.answer(challenge.data)));
    const final = readAuthentication((await conversation.message("R", signal)).body);
    if (final.kind !== "sasl-final") throw new StepFailed({ kind: "impostor" }, "the server skipped its own proof");
    scram.verify(final.data);
  } catch (error) {
    if (!(error instanceof ScramError)) throw error;
    throw new StepFailed(failureOfScram(error), error.message);
  }
}

function failureOfScram({ failure, message }: ScramError): Failure {
  switch (failure) {
    case "rejected":
      return {
        kind: "refused",
        report: { severity: "FATAL", sqlState: "28P01", message },
        isPasswordProven: false,
      };
    case "malformed":
      return { kind: "stranger", what: message };
    case "iterations":
      return { kind: "no-method", offered: message };
    case "foreign-nonce":
    case "impostor":
      return { kind: "impostor" };
    default:
      return failure satisfies never;
  }
}

function proven(conversation: Conversation, detail: string) {
  conversation.isPasswordProven = true;
  return { detail, found: undefined };
}

function noMethod(offered: string): StepFailed {
  return new StepFailed({ kind: "no-method", offered }, `the server asks for ${offered}`);
}
