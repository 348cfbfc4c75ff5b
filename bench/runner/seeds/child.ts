/**
 * Seeds in a process of its own and says how much memory that took at its highest: `{maxRssMb, ms}`. What to seed is in
 * `POSTERN_BENCH_SEED`, because it holds a password.
 */
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { seedWithPostern } from "./postern.ts";

type Order = { readonly address: DatabaseAddress; readonly seedsDir: string; readonly set: string };

const { address, ...source } = JSON.parse(process.env["POSTERN_BENCH_SEED"] ?? "{}") as Order;
const start = performance.now();
await seedWithPostern(address, source);
const ms = performance.now() - start;
// Linux and macOS, through libuv: kilobytes.
process.stdout.write(JSON.stringify({ maxRssMb: process.resourceUsage().maxRSS / 1024, ms }));
