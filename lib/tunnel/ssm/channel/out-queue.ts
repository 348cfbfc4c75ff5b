/**
 * Bytes that wait for their turn to become messages. Several small ones become one message; none is sent before it
 * is asked for, so nothing waits in order to be joined.
 */
export type OutQueue = {
  /** Resolves when the last of the bytes was taken; rejects with the reason when the queue fails before. */
  readonly put: (bytes: Uint8Array) => Promise<void>;
  readonly isEmpty: () => boolean;
  /** At most so many bytes, from the front; call it only when the queue is not empty. May be a view. */
  readonly take: (maxBytes: number) => Uint8Array;
  /** What waits is rejected, and so is what is put later. */
  readonly fail: (reason: Error) => void;
};

type Entry = { bytes: Uint8Array; readonly resolve: () => void; readonly reject: (reason: Error) => void };

export function createOutQueue(): OutQueue {
  let entries: Entry[] = [];
  let failure: Error | undefined;

  /** From the first entry alone, which goes when it is used up. */
  function takeFirst(maxBytes: number): Uint8Array {
    const [first] = entries;
    if (first === undefined) return new Uint8Array();
    const part = first.bytes.subarray(0, maxBytes);
    first.bytes = first.bytes.subarray(part.length);
    if (first.bytes.length === 0) {
      entries.shift();
      first.resolve();
    }
    return part;
  }

  return {
    put: async (bytes) => {
      if (failure !== undefined) throw failure;
      if (bytes.length === 0) return;
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      entries.push({ bytes, resolve, reject });
      await promise;
    },
    isEmpty: () => entries.length === 0,
    take: (maxBytes) => {
      const first = takeFirst(maxBytes);
      if (first.length === maxBytes || entries.length === 0) return first;
      const parts = [first];
      for (let missing = maxBytes - first.length; missing > 0 && entries.length > 0;) {
        const part = takeFirst(missing);
        parts.push(part);
        missing -= part.length;
      }
      return Buffer.concat(parts);
    },
    fail: (reason) => {
      failure ??= reason;
      const waiting = entries;
      entries = [];
      for (const { reject } of waiting) reject(failure);
    },
  };
}
