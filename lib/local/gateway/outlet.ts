/**
 * Cuts the bytes for the client into payloads. What is written in one turn of the event loop goes together. With a
 * pace, one payload goes out in each of its intervals, as the official agent does.
 */
export type Outlet = {
  write(bytes: Uint8Array): void;
  readonly pendingBytes: number;
  destroy(): void;
};

export function createOutlet(options: {
  readonly payloadBytes: number;
  /** 0: as fast as it goes. */
  readonly paceMs: number;
  readonly send: (payload: Uint8Array) => void;
}): Outlet {
  const { payloadBytes, paceMs, send } = options;
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  let isScheduled = false;
  let timer: NodeJS.Timeout | undefined;

  function takePayload(): Uint8Array {
    const [first] = pending;
    if (first !== undefined && first.length === payloadBytes) {
      pending.shift();
      pendingBytes -= payloadBytes;
      return first;
    }
    const payload = Buffer.allocUnsafe(Math.min(payloadBytes, pendingBytes));
    let length = 0;
    while (length < payload.length) {
      const next = pending[0] ?? payload;
      const part = next.subarray(0, payload.length - length);
      payload.set(part, length);
      length += part.length;
      if (part.length === next.length) pending.shift();
      else pending[0] = next.subarray(part.length);
    }
    pendingBytes -= length;
    return payload;
  }

  function flush(): void {
    isScheduled = false;
    if (paceMs === 0) {
      while (pendingBytes > 0) send(takePayload());
      return;
    }
    if (pendingBytes === 0) return;
    send(takePayload());
    schedule(paceMs);
  }

  function schedule(delayMs: number): void {
    if (isScheduled) return;
    isScheduled = true;
    if (delayMs === 0) queueMicrotask(flush);
    else timer = setTimeout(flush, delayMs);
  }

  return {
    write: (bytes) => {
      if (bytes.length === 0) return;
      pending.push(bytes);
      pendingBytes += bytes.length;
      schedule(0);
    },
    get pendingBytes() {
      return pendingBytes;
    },
    destroy: () => {
      clearTimeout(timer);
      pending = [];
      pendingBytes = 0;
    },
  };
}
