import { defineConfig } from "drizzle-kit";

/** For `npm run generate` only, which needs no database. Postern's runner applies what it writes. */
export default defineConfig({
  dialect: "postgresql",
  schema: "./migrations/schema.ts",
  out: "./migrations",
  // drizzle-kit's defaults, said aloud: the runner keeps the same table (`drizzleTable` in lib/contract.ts).
  migrations: { schema: "drizzle", table: "__drizzle_migrations" },
});
