import { type Random, demoId, randomForRow } from "./random.ts";

/**
 * The demo shop. Every row is a function of its number alone, so that the files of the set agree with each other
 * without holding anything in memory: an order's items ask for the order and for the products again.
 */
export const sizes = { customers: 3_000, products: 400, orders: 8_000 } as const;

/** Prices are listed in euro; a customer pays in the currency of the country, at a rate fixed for ever. */
const markets = [
  { country: "DE", currency: "EUR", rate: 1 },
  { country: "FR", currency: "EUR", rate: 1 },
  { country: "NL", currency: "EUR", rate: 1 },
  { country: "GB", currency: "GBP", rate: 0.86 },
  { country: "CH", currency: "CHF", rate: 0.95 },
  { country: "SE", currency: "SEK", rate: 11.4 },
  { country: "US", currency: "USD", rate: 1.1 },
] as const;

type Market = (typeof markets)[number];

export type DemoCustomer = {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly market: Market;
  readonly hasMarketingConsent: boolean;
  readonly createdAt: Date;
};

export type DemoProduct = {
  readonly id: string;
  readonly sku: string;
  readonly name: string;
  readonly description: string;
  readonly priceCents: number;
  readonly isOnSale: boolean;
};

export type DemoOrder = {
  readonly id: string;
  readonly number: number;
  readonly customer: DemoCustomer;
  readonly status: "placed" | "paid" | "shipped" | "delivered" | "cancelled";
  readonly placedAt: Date;
  readonly items: readonly { readonly product: DemoProduct; readonly quantity: number; readonly unitPrice: string }[];
  readonly shipment: DemoShipment | undefined;
};

export type DemoShipment = {
  readonly id: string;
  readonly carrier: string;
  readonly trackingCode: string;
  readonly shippedAt: Date;
  readonly deliveredAt: Date | null;
};

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** The shop's first day, and the day on which the demo stands still. */
export const openedAt = new Date("2024-01-01T08:00:00Z");
export const todayAt = new Date("2025-12-31T18:00:00Z");

/** Customers come from 1 to `sizes.customers`. The first half was there in the first months. */
export function demoCustomer(row: number): DemoCustomer {
  const random = randomForRow("customers", row);
  const given = random.pick(givenNames);
  const family = `${random.pick(familyStarts)}${random.pick(familyEnds)}`;
  return {
    id: demoId("customers", row),
    name: `${given} ${family}`,
    // Reserved names (RFC 2606): mail to them reaches nobody.
    email: `${given}.${family}.${row}@example.${random.pick(["com", "net", "org"])}`.toLowerCase(),
    market: random.pick(markets),
    hasMarketingConsent: random.next() < 0.3,
    createdAt: new Date(openedAt.getTime() + random.between(0, 600) * dayMs * random.next()),
  };
}

/** Products come from 1 to `sizes.products`. */
export function demoProduct(row: number): DemoProduct {
  const random = randomForRow("products", row);
  const { thing, use, materials } = random.pick(things);
  const material = random.pick(materials);
  const colour = random.pick(colours);
  return {
    id: demoId("products", row),
    sku: `${thing.slice(0, 3).toUpperCase()}-${String(row).padStart(4, "0")}`,
    name: `${colour} ${material} ${thing}`,
    description: `A ${thing} of ${material} ${use}, in ${colour.toLowerCase()}.`,
    priceCents: random.between(5, 250) * 100 + random.pick([0, 50, 90, 95]),
    isOnSale: random.next() < 0.93,
  };
}

/** Orders come from 1 to `sizes.orders`, the later the more recent. */
export function demoOrder(row: number): DemoOrder {
  const random = randomForRow("orders", row);
  const customer = demoCustomer(random.between(1, sizes.customers));
  const placedAt = pickTime(random, row, customer);
  const ageDays = (todayAt.getTime() - placedAt.getTime()) / dayMs;
  const status = pickStatus(random, ageDays);
  return {
    id: demoId("orders", row),
    number: row,
    customer,
    status,
    placedAt,
    items: pickItems(random, customer.market),
    shipment: status === "shipped" || status === "delivered" ? makeShipment(row, placedAt, status) : undefined,
  };
}

/** Evenly over the shop's life, but never before the customer came. */
function pickTime(random: Random, row: number, customer: DemoCustomer): Date {
  const life = todayAt.getTime() - openedAt.getTime() - dayMs;
  const time = openedAt.getTime() + Math.floor((life * row) / sizes.orders) + random.between(0, 23 * hourMs);
  return new Date(Math.max(time, customer.createdAt.getTime() + random.between(1, 48) * hourMs));
}

function pickStatus(random: Random, ageDays: number): DemoOrder["status"] {
  if (random.next() < 0.04) return "cancelled";
  if (ageDays < 2) return random.pick(["placed", "paid"]);
  return ageDays < 9 ? "shipped" : "delivered";
}

function pickItems(random: Random, market: Market): DemoOrder["items"] {
  return Array.from({ length: random.pick([1, 1, 2, 2, 3, 4]) }, () => {
    const product = demoProduct(random.between(1, sizes.products));
    const cents = Math.round(product.priceCents * market.rate);
    return { product, quantity: random.pick([1, 1, 1, 2, 3]), unitPrice: formatCents(cents) };
  });
}

function makeShipment(row: number, placedAt: Date, status: "shipped" | "delivered"): DemoShipment {
  const random = randomForRow("shipments", row);
  const shippedAt = new Date(placedAt.getTime() + random.between(4, 40) * hourMs);
  const deliveredAt = new Date(shippedAt.getTime() + random.between(20, 140) * hourMs);
  return {
    id: demoId("shipments", row),
    carrier: random.pick(["Heron Post", "Northline", "Swift & Daughters"]),
    trackingCode: `HN${String(row).padStart(9, "0")}`,
    shippedAt,
    deliveredAt: status === "delivered" ? deliveredAt : null,
  };
}

/** As `numeric` reads it; a decimal in a JSON number would be a binary fraction. */
export function formatCents(cents: number): string {
  return `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, "0")}`;
}

const givenNames = [
  "Alma",
  "Anton",
  "Bela",
  "Clara",
  "Dario",
  "Edith",
  "Emil",
  "Farah",
  "Felix",
  "Greta",
  "Hana",
  "Ivo",
  "Jonas",
  "Karim",
  "Lea",
  "Linus",
  "Mara",
  "Milan",
  "Nadia",
  "Nils",
  "Olga",
  "Paul",
  "Rosa",
  "Samir",
  "Tess",
  "Timo",
  "Vera",
  "Yara",
] as const;

/** Joined to names that nobody bears: Ashbrindle, Fernwhistle… */
const familyStarts = [
  "Ash",
  "Bram",
  "Cinder",
  "Dusk",
  "Elder",
  "Fern",
  "Gorse",
  "Hazel",
  "Juniper",
  "Larch",
  "Moss",
  "Thistle",
] as const;
const familyEnds = [
  "brindle",
  "carrow",
  "dapple",
  "furrow",
  "garth",
  "hollow",
  "kettle",
  "lantern",
  "quill",
  "whistle",
] as const;

const colours = ["Amber", "Black", "Blue", "Cream", "Green", "Grey", "Red", "White"] as const;
const things = [
  { thing: "basket", use: "for bread, toys or letters", materials: ["felt", "rattan", "willow"] },
  { thing: "bowl", use: "for two hungry people", materials: ["beech", "glass", "stoneware"] },
  { thing: "cushion", use: "for a long evening", materials: ["cotton", "felt", "linen"] },
  { thing: "jug", use: "that pours without a drop lost", materials: ["glass", "steel", "stoneware"] },
  { thing: "lamp", use: "for the reading corner", materials: ["beech", "linen", "steel"] },
  { thing: "mug", use: "that keeps tea hot", materials: ["steel", "stoneware"] },
  { thing: "tray", use: "for breakfast in bed", materials: ["beech", "rattan", "steel"] },
  { thing: "vase", use: "for a single stem", materials: ["glass", "stoneware"] },
] as const;
