import type * as z from 'zod/mini'
import type { Path } from './problem.ts'

/** How often members are taken out before a value is given up. */
const MAX_ATTEMPTS = 3

/** What could be parsed of a value, and which members had to be taken out for it. */
export interface Salvaged<Output> {
  /** `undefined` when what is left is still not right. */
  readonly value: Output | undefined
  /** Known members with a bad value, below the value itself. */
  readonly removed: readonly Path[]
}

/**
 * Parses a value without the members that are wrong, so that the rest of it can be looked at too:
 * else one typo would hide the next problem. Not for use, only for finding more problems. List items
 * stay where they are, since their places are told.
 */
export function salvage<Output>(schema: z.ZodMiniType<Output>, value: unknown): Salvaged<Output> {
  const rest = structuredClone(value)
  const removed: Path[] = []
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const parsed = schema.safeParse(rest)
    if (parsed.success) return { value: parsed.data, removed }
    for (const issue of parsed.error.issues) {
      const path = issue.path.map((step) => (typeof step === 'number' ? step : String(step)))
      if (issue.code === 'unrecognized_keys') {
        for (const name of issue.keys) remove(rest, [...path, name])
      } else if (remove(rest, path)) removed.push(path)
    }
  }
  return { value: undefined, removed }
}

/** Takes a member out of its map; false when there is none, or when it is an item of a list. */
function remove(root: unknown, path: Path): boolean {
  const name = path.at(-1)
  if (typeof name !== 'string') return false
  let at = root
  for (const step of path.slice(0, -1)) {
    if (typeof at !== 'object' || at === null) return false
    at = (at as Record<string | number, unknown>)[step]
  }
  return typeof at === 'object' && at !== null && Object.hasOwn(at, name)
    ? Reflect.deleteProperty(at, name)
    : false
}
