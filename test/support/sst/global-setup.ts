import { unpackPlatform } from "./platform.ts";

/** Before the first test of test/infra: SST's platform must be there. */
export async function setup(): Promise<void> {
  await unpackPlatform((line) => process.stderr.write(`${line}\n`));
}
