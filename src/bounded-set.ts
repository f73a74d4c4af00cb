/** Texts that were seen lately. Its memory is bounded whatever it is told. */
export interface BoundedSet {
  has(text: string): boolean
  /** Also makes it the latest. */
  add(text: string): void
}

/** A set of at most `max` texts, at least 1: past that the one added longest ago is forgotten. */
export function createBoundedSet(max: number): BoundedSet {
  const texts = new Set<string>()
  return {
    has: (text) => texts.has(text),
    add(text) {
      // A Set keeps the order of insertion.
      texts.delete(text)
      texts.add(text)
      if (texts.size <= max) return
      const [oldest] = texts
      if (oldest !== undefined) texts.delete(oldest)
    },
  }
}
