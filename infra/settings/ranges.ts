/** IPv4 ranges, as numbers. Pure. */

type Range = { readonly first: number; readonly last: number; readonly prefix: number };

/** Each zone has a public and a private subnet; eight equal parts are enough for the four zones that are allowed. */
const partBits = 3;

function parseRange(text: string): Range | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  if (match === null) return undefined;
  const [a = 0, b = 0, c = 0, d = 0, prefix = 0] = match.slice(1).map(Number);
  if ([a, b, c, d].some((octet) => octet > 255) || prefix > 32) return undefined;
  const address = ((a * 256 + b) * 256 + c) * 256 + d;
  const size = 2 ** (32 - prefix);
  const first = Math.floor(address / size) * size;
  return { first, last: first + size - 1, prefix };
}

/** A range that a VPC can have here: private, from /16 (AWS's largest) to /22 (or its parts get too small for Lambda). */
export function isUsableRange(text: string): boolean {
  const range = parseRange(text);
  if (range === undefined || !isRange(text)) return false;
  return isPrivateRange(text) && range.prefix >= 16 && range.prefix <= 22;
}

/** An IPv4 range of any size, as AWS takes it: octets up to 255, a prefix up to 32, no bits after it. */
export function isRange(text: string): boolean {
  const range = parseRange(text);
  return range !== undefined && formatRange(range.first, range.prefix) === text;
}

/** Whether no address of it is one of the internet's. */
export function isPrivateRange(text: string): boolean {
  return ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"].some((whole) => contains(whole, text));
}

export function overlaps(one: string, other: string): boolean {
  const [a, b] = [parseRange(one), parseRange(other)];
  return a !== undefined && b !== undefined && a.first <= b.last && b.first <= a.last;
}

/** How many addresses are in it. */
export function sizeOfRange(text: string): number {
  const range = parseRange(text);
  return range === undefined ? 0 : range.last - range.first + 1;
}

function contains(whole: string, part: string): boolean {
  const [a, b] = [parseRange(whole), parseRange(part)];
  return a !== undefined && b !== undefined && a.first <= b.first && b.last <= a.last;
}

/** The subnets of a zone (0, 1 …): neighbours within the VPC's range. */
export function subnetRanges(vpcRange: string, zone: number): { readonly public: string; readonly private: string } {
  const range = parseRange(vpcRange);
  if (range === undefined || zone < 0 || 2 * zone + 1 >= 2 ** partBits) {
    throw new RangeError(`There is no zone ${zone} in ${vpcRange}.`);
  }
  const prefix = range.prefix + partBits;
  const size = 2 ** (32 - prefix);
  const at = (index: number) => formatRange(range.first + index * size, prefix);
  return { public: at(2 * zone), private: at(2 * zone + 1) };
}

function formatRange(first: number, prefix: number): string {
  const octets = [2 ** 24, 2 ** 16, 2 ** 8, 1].map((unit) => Math.floor(first / unit) % 256);
  return `${octets.join(".")}/${prefix}`;
}
