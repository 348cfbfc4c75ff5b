import { PosternError } from "#lib/base/errors.ts";
import { type ClientPlace, inPlace } from "./client-place.ts";

/** By the letter behind the per cent sign. @see https://man.openbsd.org/ssh_config#TOKENS */
export type Tokens = Readonly<Record<string, string>>;

/** Puts the tokens' values in; one that is not known here is refused rather than left in a file's name. */
export function expandTokens(text: string, tokens: Tokens, what: string): string {
  return text.replaceAll(/%(.?)/gu, (token, letter: string) => {
    if (letter === "%") return "%";
    const value = Object.hasOwn(tokens, letter) ? tokens[letter] : undefined;
    if (value === undefined) throw invalid(`${what} has ${token}, which is not known here: "${text}"`);
    return value;
  });
}

/** A file's name with its tokens, `${VARIABLE}` and `~`; a relative one stays so, as with ssh. */
export function expandPath(text: string, tokens: Tokens, place: ClientPlace, what: string): string {
  const named = text.replaceAll(/\$\{([^}]*)\}/gu, (_, name: string) => {
    const value = place.env[name];
    if (value === undefined) throw invalid(`${what} has \${${name}}, which is not in the environment: "${text}"`);
    return value;
  });
  return inPlace(expandTokens(named, tokens, what), place);
}

function invalid(message: string): PosternError {
  return new PosternError("config.invalid", `${message}.`, { hint: "Change it in ~/.ssh/config." });
}
