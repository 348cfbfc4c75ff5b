import process from "node:process";
import postgres from "postgres";

/** The same with postgres.js. */
const { user, ...address } = JSON.parse(process.env["LAB_ADDRESS"] ?? "{}");
const sql = postgres({ ...address, username: user, max: 1, connect_timeout: 5, onnotice: () => {} });

async function ask() {
  for (const text of process.argv.slice(2)) await sql.unsafe(text);
  return "ok";
}

/** Of several that failed there is no message. */
function said(error) {
  return [error.message, error.code].find((one) => typeof one === "string" && one !== "") ?? String(error);
}

const text = await ask().catch(said);
process.stdout.write(text, () => process.exit());
