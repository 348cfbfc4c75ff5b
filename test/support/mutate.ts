import type { SeededRandom } from "./seeded-random.ts";

/** Damages 1 to 4 places: turned bits, edge values, bytes taken out or put in, a cut, a tail. */
export function mutate(original: Buffer, random: SeededRandom): Buffer {
  let bytes = Buffer.from(original);
  const places = random.below(4) + 1;
  for (let place = 0; place < places && bytes.length > 0; place += 1) {
    const at = random.below(bytes.length);
    switch (random.below(6)) {
      case 0:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
        break;
      case 1:
        bytes[at] = random.pick([0, 1, 0x7f, 0x80, 0xff]);
        break;
      case 2:
        bytes.fill(random.pick([0, 0xff]), at, Math.min(bytes.length, at + random.pick([2, 4, 8])));
        break;
      case 3:
        bytes = bytes.subarray(0, at);
        break;
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + random.below(9))]);
        break;
      default:
        bytes = Buffer.concat([bytes.subarray(0, at), random.bytes(random.below(9)), bytes.subarray(at)]);
    }
  }
  return bytes;
}
