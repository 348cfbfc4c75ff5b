/* eslint-disable no-console -- a command of its own */
import { unpackPlatform } from "./platform.ts";

await unpackPlatform((line) => console.error(line));
