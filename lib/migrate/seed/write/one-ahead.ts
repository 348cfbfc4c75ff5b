/** Asks for the next item while the one before is used. */
export async function* oneAhead<Item>(source: AsyncGenerator<Item>): AsyncGenerator<Item> {
  try {
    let next = source.next();
    for (let item = await next; item.done !== true; item = await next) {
      next = source.next();
      // Its failure is seen by the `await` above, unless the consumer has given up by then.
      next.catch(() => undefined);
      yield item.value;
    }
  } finally {
    // Not waited for: a source that waits for ever would keep the failure from being told.
    source.return(undefined).catch(() => undefined);
  }
}
