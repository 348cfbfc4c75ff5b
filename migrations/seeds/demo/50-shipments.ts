import type { SeedTable } from "#lib/migrate/seed/format/module.ts";
import { demoOrder, sizes } from "./shop.ts";

export const seed = {
  table: "shipments",
  columns: ["id", "order_id", "carrier", "tracking_code", "shipped_at", "delivered_at", "created_at", "updated_at"],
  conflict: ["id"],
  *rows() {
    for (let row = 1; row <= sizes.orders; row += 1) {
      const { id: orderId, shipment } = demoOrder(row);
      if (shipment === undefined) continue;
      const { id, carrier, trackingCode, shippedAt, deliveredAt } = shipment;
      const time = shippedAt.toISOString();
      yield [id, orderId, carrier, trackingCode, time, deliveredAt?.toISOString() ?? null, time, time];
    }
  },
} satisfies SeedTable;
