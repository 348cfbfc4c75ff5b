/**
 * The program that stands between us and a server process, so that the server never outlives us.
 *
 * It runs detached, in a session of its own: Ctrl-C at the terminal and the end of the terminal do not reach the server
 * directly. Its standard input is the life line. The first line is the order (JSON, `WardenOrder`); when the pipe
 * ends, because we asked for it or because we are gone (kill -9 included), it stops the server with the order's
 * signals, one after the other, and exits.
 *
 *     waiting -> running -> stopping -> exited
 *
 * Standard output carries events (NDJSON, `WardenEvent`); the server writes its log straight into our standard error.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { WardenEvent, WardenOrder } from "./warded-process.ts";

/** Before the order there is nothing to stop. */
let stop: () => void = () => process.exit(0);

// Whoever reads this may be gone: the server must be stopped all the same.
process.stdout.on("error", () => {});
process.stdin.on("error", () => {});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stop());

const lines = createInterface({ input: process.stdin });
lines.once("line", (line) => run(JSON.parse(line) as WardenOrder));
lines.once("close", () => stop());

function run(order: WardenOrder): void {
  const { command, args, cwd, env, uid, gid } = order;
  // With a uid, libuv clears the supplementary groups too.
  const identity = uid === undefined || gid === undefined ? {} : { uid, gid };
  const server = spawn(command, args, { cwd, env, ...identity, stdio: ["ignore", 2, 2] });
  server.once("spawn", () => report({ event: "started", pid: server.pid ?? 0 }));
  server.once("error", (error) => report({ event: "failed", message: error.message }, () => process.exit(1)));
  server.once("exit", (code, signal) => report({ event: "exited", code, signal }, () => process.exit(0)));

  stop = () => {
    stop = () => {};
    const signals = [...order.stopSignals];
    const sendNext = () => {
      const signal = signals.shift();
      if (signal === undefined) return;
      server.kill(signal);
      setTimeout(sendNext, order.graceMs);
    };
    sendNext();
  };
}

function report(event: WardenEvent, done?: () => void): void {
  process.stdout.write(`${JSON.stringify(event)}\n`, done);
}
