import { Secret } from '../secret.ts'

/**
 * Whether two settings say the same: by value, secrets by what they hold, maps and sets whatever the
 * order of their members; one that is `undefined` is one that is not there.
 */
export function sameSetting(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true
  if (typeof one !== 'object' || typeof other !== 'object' || !one || !other) return false
  if (one instanceof Secret || other instanceof Secret) {
    return one instanceof Secret && other instanceof Secret && one.reveal() === other.reveal()
  }
  if (one instanceof Map || other instanceof Map) {
    return one instanceof Map && other instanceof Map && sameMembers(one, other)
  }
  if (one instanceof Set || other instanceof Set) {
    return one instanceof Set && other instanceof Set && sameItems(one, other)
  }
  if (Array.isArray(one) !== Array.isArray(other)) return false
  return sameMembers(new Map(membersOf(one)), new Map(membersOf(other)))
}

function membersOf(value: object): [string, unknown][] {
  return Object.entries(value).filter(([, member]) => member !== undefined)
}

function sameMembers(one: Map<unknown, unknown>, other: Map<unknown, unknown>): boolean {
  if (one.size !== other.size) return false
  return [...one].every(([name, member]) => other.has(name) && sameSetting(member, other.get(name)))
}

function sameItems(one: Set<unknown>, other: Set<unknown>): boolean {
  return one.size === other.size && [...one].every((item) => other.has(item))
}
