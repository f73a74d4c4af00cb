/**
 * Does work for every item, `atOnce` of them at a time, so that one request does not fill the queue that all
 * share. Results come in the order of the items; the first error is thrown when its turn is over.
 */
export async function someAtATime<Item, Result>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = []
  for (let first = 0; first < items.length; first += atOnce) {
    results.push(...(await Promise.all(items.slice(first, first + atOnce).map(work))))
  }
  return results
}
