import type { SeedTable } from "#lib/migrate/seed/format/module.ts";
import { demoOrder, sizes } from "./shop.ts";

/** `number` is given, below the first that the identity column hands out: see `orders` in migrations/schema.ts. */
export const seed = {
  table: "orders",
  columns: ["id", "number", "customer_id", "status", "currency_code", "placed_at", "created_at", "updated_at"],
  conflict: ["id"],
  *rows() {
    for (let row = 1; row <= sizes.orders; row += 1) {
      const { id, number, customer, status, placedAt } = demoOrder(row);
      const time = placedAt.toISOString();
      yield [id, number, customer.id, status, customer.market.currency, time, time, time];
    }
  },
} satisfies SeedTable;
