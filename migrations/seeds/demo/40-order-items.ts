import type { SeedTable } from "#lib/migrate/seed/format/module.ts";
import { demoOrder, sizes } from "./shop.ts";

export const seed = {
  table: "order_items",
  columns: ["order_id", "line", "product_id", "quantity", "unit_price"],
  conflict: ["order_id", "line"],
  *rows() {
    for (let row = 1; row <= sizes.orders; row += 1) {
      const { id, items } = demoOrder(row);
      for (const [index, { product, quantity, unitPrice }] of items.entries()) {
        yield [id, index + 1, product.id, quantity, unitPrice];
      }
    }
  },
} satisfies SeedTable;
