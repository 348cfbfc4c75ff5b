/** Without what differs from run to run. */
export function oneLine(text: string): string {
  return (
    text
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "")
      .join(" ")
      .replaceAll(/lab_[0-9a-f]+_\d+/g, "app")
      .replaceAll(/port \d{4,5}/g, "port 5432")
      .replaceAll(/:\d{4,5}\b/g, ":5432")
      .replaceAll(/[^\x20-\x7e]/g, "?")
      // Where in its sources OpenSSL stumbled.
      .replaceAll(/\b[0-9A-F]{12,16}:(error:)/g, "$1")
      .replace(/:\.\.\/deps\/.*$/, "")
      .replace(/^psql: error: /, "")
      .replace(/^connection to server at "[^"]*"(?: \([^)]*\))?, port 5432 failed: /, "")
      .replaceAll("|", "\\|")
      .slice(0, 160)
  );
}
