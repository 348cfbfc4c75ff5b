import process from "node:process";
import { PosternError } from "#lib/base/errors.ts";
import type { Output } from "./output.ts";

/**
 * While this is held, code that is not ours (a seed module) runs in this process. What it writes to standard output goes to
 * standard error, since standard output belongs to the command's result. When it ends the process as if all were well, that
 * is an error with exit code 2.
 */
export function confineGuestCode(output: Output): Disposable {
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = process.stderr.write.bind(process.stderr);
  const release = () => {
    process.stdout.write = write;
    process.off("exit", onExit);
  };
  const onExit = (code: number) => {
    release();
    if (code !== 0) return;
    process.exitCode = 2;
    output.error(endedByGuest().toDocument());
  };
  process.on("exit", onExit);
  return { [Symbol.dispose]: release };
}

function endedByGuest(): PosternError {
  return new PosternError(
    "seed.failed",
    "A seed module ended the process (process.exit) before its rows were written.",
    {
      hint: "Throw an error instead: it is reported with the file and the row. Then run seed again.",
    },
  );
}
