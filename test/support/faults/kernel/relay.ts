import { connect, createServer } from "node:net";
import process from "node:process";
import { encodePort } from "./leading-port.ts";

/**
 * The far end of the made-up network: ports on all of its addresses, of which each leads to a socket of the file system,
 * which no namespace hides, and says there which it was. Arguments: the socket's path, the first port, how many. Ends with its standard input.
 */
const [path = "", first = "0", count = "0"] = process.argv.slice(2);

const servers = Array.from({ length: Number(count) }, (_, index) => {
  const port = Number(first) + index;
  const server = createServer({ noDelay: true }, (client) => {
    const database = connect(path);
    database.write(encodePort(port));
    for (const [one, other] of [
      [client, database],
      [database, client],
    ] as const) {
      one.on("error", () => other.destroy());
      one.pipe(other);
    }
  });
  return server.listen(port, "0.0.0.0");
});
await Promise.all(servers.map(async (server) => new Promise((resolve) => server.once("listening", resolve))));
process.stdout.write("listening\n");
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
