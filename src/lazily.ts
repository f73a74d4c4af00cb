/**
 * Makes something when it is first asked for, and keeps it: for modules that few requests need, so that no
 * start waits for them. Asked for again, it is there at once, without a promise. `make` may run more than
 * once, for callers that come before it is done; what failed is tried again. What is kept is never the
 * promise: on workerd no request may wait for what another one has begun.
 */
export function lazily<Made extends object>(make: () => Promise<Made>): () => Made | Promise<Made> {
  let made: Made | undefined
  const keep = (value: Made) => {
    made ??= value
    return made
  }
  return () => made ?? make().then(keep)
}
