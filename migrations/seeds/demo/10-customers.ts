import type { SeedTable } from "#lib/migrate/seed/format/module.ts";
import { demoCustomer, sizes } from "./shop.ts";

export const seed = {
  table: "customers",
  columns: ["id", "name", "email", "country_code", "has_marketing_consent", "created_at", "updated_at"],
  conflict: ["id"],
  *rows() {
    for (let row = 1; row <= sizes.customers; row += 1) {
      const { id, name, email, market, hasMarketingConsent, createdAt } = demoCustomer(row);
      const time = createdAt.toISOString();
      yield [id, name, email, market.country, hasMarketingConsent, time, time];
    }
  },
} satisfies SeedTable;
