/** Hands messages on one after the other; whoever takes them may ask it to wait. */
export type Delivery<Item> = {
  readonly add: (items: readonly Item[]) => void;
  /** True from a taker's wish to wait until there is room, and what came meanwhile is taken. */
  readonly isWaiting: () => boolean;
  /** What was not taken is thrown away, and nothing more is. */
  readonly stop: () => void;
};

export type DeliveryOptions<Item> = {
  /** A promise: nothing more until it resolves. */
  readonly take: (item: Item) => Promise<void> | undefined;
  readonly onWaiting: (isWaiting: boolean) => void;
  /** `take` threw, or what it waited for failed. */
  readonly onError: (error: unknown) => void;
};

export function createDelivery<Item>({ take, onWaiting, onError }: DeliveryOptions<Item>): Delivery<Item> {
  let waitingItems: Item[] = [];
  let isWaiting = false;
  let isStopped = false;

  async function wait(room: Promise<void>): Promise<void> {
    isWaiting = true;
    onWaiting(true);
    try {
      await room;
      takeAll();
    } catch (error) {
      onError(error);
    }
  }

  function takeAll(): void {
    for (let item = waitingItems.shift(); item !== undefined; item = waitingItems.shift()) {
      const room = take(item);
      if (room === undefined) continue;
      void wait(room);
      return;
    }
    if (!isWaiting) return;
    isWaiting = false;
    onWaiting(false);
  }

  return {
    add: (items) => {
      if (isStopped) return;
      waitingItems.push(...items);
      if (isWaiting) return;
      try {
        takeAll();
      } catch (error) {
        onError(error);
      }
    },
    isWaiting: () => isWaiting,
    stop: () => {
      isStopped = true;
      waitingItems = [];
    },
  };
}
