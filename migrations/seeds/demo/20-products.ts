import type { SeedTable } from "#lib/migrate/seed/format/module.ts";
import { demoProduct, formatCents, openedAt, sizes } from "./shop.ts";

export const seed = {
  table: "products",
  columns: ["id", "sku", "name", "description", "price", "currency_code", "is_on_sale", "created_at", "updated_at"],
  conflict: ["id"],
  *rows() {
    const time = openedAt.toISOString();
    for (let row = 1; row <= sizes.products; row += 1) {
      const { id, sku, name, description, priceCents, isOnSale } = demoProduct(row);
      yield [id, sku, name, description, formatCents(priceCents), "EUR", isOnSale, time, time];
    }
  },
} satisfies SeedTable;
