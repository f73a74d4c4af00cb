/** Keys of which nobody knows that there is nothing, each held by as many attempts as may have written it. */
export class WrittenKeys {
  readonly #attempts = new Map<string, number>()

  get size(): number {
    return this.#attempts.size
  }

  /** One more attempt, until it is known to have written nothing. */
  add(key: string): void {
    this.#attempts.set(key, (this.#attempts.get(key) ?? 0) + 1)
  }

  /** One attempt was refused; others on the same key, earlier or at once, may not have been. */
  forget(key: string): void {
    const left = (this.#attempts.get(key) ?? 0) - 1
    if (left > 0) this.#attempts.set(key, left)
    else this.#attempts.delete(key)
  }

  [Symbol.iterator](): IterableIterator<string> {
    return this.#attempts.keys()
  }
}
