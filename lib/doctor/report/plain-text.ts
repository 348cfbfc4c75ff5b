/**
 * Banners, certificates and messages are strangers' texts. What would steer a terminal or turn the direction of a line
 * (control and format characters: ESC, U+202E) is shown by its code, white space is one space, and there is an end to it.
 */
export function plainText(text: string, maxLength = 600): string {
  const shown = text
    .replaceAll(/\s+/gu, " ")
    .trim()
    .replaceAll(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu, (character) => {
      const code = (character.codePointAt(0) ?? 0).toString(16);
      return code.length > 2 ? `\\u{${code}}` : `\\x${code.padStart(2, "0")}`;
    });
  return shown.length > maxLength ? `${shown.slice(0, maxLength - 1).toWellFormed()}…` : shown;
}
