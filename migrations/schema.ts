/**
 * The example: a small shop. These tables are what `migrations/*.sql` builds, one step at a time.
 *
 * To change the schema:
 *   1. edit this file;
 *   2. `npm run generate -- --name add-x` writes the next SQL file and its snapshot in `meta/`;
 *   3. read the SQL: it runs in one transaction while the old code still serves (a new column needs a default or allows
 *      null; what a reader still uses is not dropped);
 *   4. commit the SQL, the snapshot and the journal together. After the merge they are never edited again.
 *
 * What drizzle cannot say (a trigger, a function) goes into a custom migration:
 * `npm run generate -- --custom --name add-y` writes an empty file to fill in.
 *
 * Every constraint and index is named here, so that an error message, a plan and a later migration can refer to it.
 */
import { sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  char,
  check,
  foreignKey,
  index,
  integer,
  numeric,
  pgEnum,
  pgTable,
  primaryKey,
  smallint,
  text,
  timestamp,
  unique,
  uuid,
} from "drizzle-orm/pg-core";

/** With a time zone always: a plain timestamp means another instant to every client's `TimeZone`. */
const timestamptz = (name: string) => timestamp(name, { withTimezone: true });

/** `updated_at` is kept by the trigger of `0005_updated-at`. */
const timestamps = {
  createdAt: timestamptz("created_at").notNull().defaultNow(),
  updatedAt: timestamptz("updated_at").notNull().defaultNow(),
};

export const currencies = pgTable(
  "currencies",
  {
    /** ISO 4217. */
    code: char("code", { length: 3 }).notNull(),
    name: text("name").notNull(),
    /** Digits after the point: 2 for EUR, 0 for JPY. */
    minorUnits: smallint("minor_units").notNull(),
  },
  (t) => [
    primaryKey({ name: "currencies_pkey", columns: [t.code] }),
    check("currencies_code_check", sql`${t.code} ~ '^[A-Z]{3}$'`),
    check("currencies_minor_units_check", sql`${t.minorUnits} between 0 and 4`),
  ],
);

export const countries = pgTable(
  "countries",
  {
    /** ISO 3166-1 alpha-2. */
    code: char("code", { length: 2 }).notNull(),
    name: text("name").notNull(),
    currencyCode: char("currency_code", { length: 3 }).notNull(),
  },
  (t) => [
    primaryKey({ name: "countries_pkey", columns: [t.code] }),
    foreignKey({ name: "countries_currency_code_fkey", columns: [t.currencyCode], foreignColumns: [currencies.code] }),
    index("countries_currency_code_idx").on(t.currencyCode),
    check("countries_code_check", sql`${t.code} ~ '^[A-Z]{2}$'`),
  ],
);

/** Keys are UUIDs: a seeded row keeps its key for ever and never meets one that the application made. */
export const customers = pgTable(
  "customers",
  {
    id: uuid("id").notNull().defaultRandom(),
    name: text("name").notNull(),
    /** Lower case, so that the unique constraint means what people expect of it. */
    email: text("email").notNull(),
    countryCode: char("country_code", { length: 2 }).notNull(),
    /** Added when the first customers were there already: `not null` with a default rewrites nothing. */
    hasMarketingConsent: boolean("has_marketing_consent").notNull().default(false),
    ...timestamps,
  },
  (t) => [
    primaryKey({ name: "customers_pkey", columns: [t.id] }),
    unique("customers_email_key").on(t.email),
    foreignKey({ name: "customers_country_code_fkey", columns: [t.countryCode], foreignColumns: [countries.code] }),
    index("customers_country_code_idx").on(t.countryCode),
    check("customers_email_check", sql`${t.email} = lower(${t.email}) and ${t.email} like '%_@_%'`),
  ],
);

export const products = pgTable(
  "products",
  {
    id: uuid("id").notNull().defaultRandom(),
    sku: text("sku").notNull(),
    name: text("name").notNull(),
    description: text("description").notNull().default(""),
    /** List price; an order keeps the price that it was placed at. */
    price: numeric("price", { precision: 12, scale: 2 }).notNull(),
    currencyCode: char("currency_code", { length: 3 }).notNull(),
    isOnSale: boolean("is_on_sale").notNull().default(true),
    ...timestamps,
  },
  (t) => [
    primaryKey({ name: "products_pkey", columns: [t.id] }),
    unique("products_sku_key").on(t.sku),
    foreignKey({ name: "products_currency_code_fkey", columns: [t.currencyCode], foreignColumns: [currencies.code] }),
    index("products_currency_code_idx").on(t.currencyCode),
    // The search of the shop: … where to_tsvector('english', name || ' ' || description) @@ websearch_to_tsquery('english', $1)
    index("products_search_idx").using("gin", sql`to_tsvector('english', ${t.name} || ' ' || ${t.description})`),
    check("products_price_check", sql`${t.price} >= 0`),
  ],
);

/** An enum, not a check: the states are few, and the type reaches the application's code through drizzle. */
export const orderStatus = pgEnum("order_status", ["placed", "paid", "shipped", "delivered", "cancelled"]);

export const orders = pgTable(
  "orders",
  {
    id: uuid("id").notNull().defaultRandom(),
    /** What people say on the telephone. Counts from 100001: the numbers below are for seeds. */
    number: bigint("number", { mode: "number" })
      .notNull()
      .generatedAlwaysAsIdentity({ name: "orders_number_seq", startWith: 100_001 }),
    customerId: uuid("customer_id").notNull(),
    status: orderStatus("status").notNull().default("placed"),
    currencyCode: char("currency_code", { length: 3 }).notNull(),
    placedAt: timestamptz("placed_at").notNull().defaultNow(),
    ...timestamps,
  },
  (t) => [
    primaryKey({ name: "orders_pkey", columns: [t.id] }),
    unique("orders_number_key").on(t.number),
    foreignKey({ name: "orders_customer_id_fkey", columns: [t.customerId], foreignColumns: [customers.id] }),
    foreignKey({ name: "orders_currency_code_fkey", columns: [t.currencyCode], foreignColumns: [currencies.code] }),
    // A customer's orders, newest first (read backwards: drizzle's `.desc()` adds NULLS LAST, which no plain
    // `order by placed_at desc` can use); it serves the foreign key too.
    index("orders_customer_id_placed_at_idx").on(t.customerId, t.placedAt),
    index("orders_currency_code_idx").on(t.currencyCode),
    // What the warehouse still has to do: a small part of a table that only grows.
    index("orders_open_placed_at_idx")
      .on(t.placedAt)
      .where(sql`${t.status} in ('placed', 'paid')`),
  ],
);

export const orderItems = pgTable(
  "order_items",
  {
    orderId: uuid("order_id").notNull(),
    /** 1, 2, 3 … within its order. */
    line: smallint("line").notNull(),
    productId: uuid("product_id").notNull(),
    quantity: integer("quantity").notNull(),
    /** In the order's currency, as it was when the order was placed. */
    unitPrice: numeric("unit_price", { precision: 12, scale: 2 }).notNull(),
  },
  (t) => [
    primaryKey({ name: "order_items_pkey", columns: [t.orderId, t.line] }),
    foreignKey({ name: "order_items_order_id_fkey", columns: [t.orderId], foreignColumns: [orders.id] }).onDelete(
      "cascade",
    ),
    foreignKey({ name: "order_items_product_id_fkey", columns: [t.productId], foreignColumns: [products.id] }),
    index("order_items_product_id_idx").on(t.productId),
    check("order_items_line_check", sql`${t.line} > 0`),
    check("order_items_quantity_check", sql`${t.quantity} > 0`),
    check("order_items_unit_price_check", sql`${t.unitPrice} >= 0`),
  ],
);

export const shipments = pgTable(
  "shipments",
  {
    id: uuid("id").notNull().defaultRandom(),
    orderId: uuid("order_id").notNull(),
    carrier: text("carrier").notNull(),
    trackingCode: text("tracking_code").notNull(),
    shippedAt: timestamptz("shipped_at").notNull(),
    /** Null while it is on its way. */
    deliveredAt: timestamptz("delivered_at"),
    ...timestamps,
  },
  (t) => [
    primaryKey({ name: "shipments_pkey", columns: [t.id] }),
    unique("shipments_carrier_tracking_code_key").on(t.carrier, t.trackingCode),
    foreignKey({ name: "shipments_order_id_fkey", columns: [t.orderId], foreignColumns: [orders.id] }).onDelete(
      "cascade",
    ),
    index("shipments_order_id_idx").on(t.orderId),
    check("shipments_delivered_at_check", sql`${t.deliveredAt} >= ${t.shippedAt}`),
  ],
);
