import type { JsonObject } from './merge-patch.ts'

/** What a change sets, for the audit log; empty for a removal, of which its action says all. */
export interface ChangedMembers {
  /** Names of the members that are other ones after it, as the admin API calls them. */
  readonly changed?: readonly string[]
  /** What some of them are then, by path: `overrides.trial-day.limit`; `null`: taken away. */
  readonly values?: Readonly<Record<string, string | number | boolean | null>>
}

/** Members whose values are short, and no secrets. */
const TOLD: ReadonlySet<string> = new Set(['plan', 'suspended', 'timeZone'])
/** Members that hold limits by policy, as a list or a mapping. */
const OF_LIMITS: ReadonlySet<string> = new Set(['rates', 'quotas', 'overrides'])
/** Values of one change; names of members are told in any case. */
const MAX_VALUES = 16
const MAX_VALUE_CHARACTERS = 128

/** Compares a document of the directory before, `undefined` where nothing was there, and after a change. */
export function changedMembers(
  before: JsonObject | undefined = {},
  after: JsonObject,
): ChangedMembers {
  if (after.removed === true) return {}
  const changed = namesOf(before, after).filter((name) => !isSame(before[name], after[name]))
  const values = changed
    .flatMap((name) => {
      if (TOLD.has(name)) return [[name, after[name] ?? null] as const]
      return OF_LIMITS.has(name) ? changedLimits(name, before[name], after[name]) : []
    })
    .slice(0, MAX_VALUES)
  return {
    changed: changed.map(apiName),
    ...(values.length > 0 && { values: Object.fromEntries(values.map(shortened)) }),
  }
}

type Named = readonly [string, unknown]

function changedLimits(name: string, before: unknown, after: unknown): readonly Named[] {
  const [old, now] = [byPolicy(before), byPolicy(after)]
  return namesOf(old, now).flatMap((policy): readonly Named[] => {
    const path = `${name}.${policy}`
    const [was, is] = [objectOf(old[policy]), objectOf(now[policy])]
    if (!Object.hasOwn(now, policy)) return [[path, null]]
    return namesOf(was, is)
      .filter((member) => member !== 'policy' && !isSame(was[member], is[member]))
      .map((member) => [`${path}.${member}`, is[member] ?? null])
  })
}

function byPolicy(limits: unknown): JsonObject {
  if (!Array.isArray(limits)) return objectOf(limits)
  return Object.fromEntries(limits.map((limit) => [String(objectOf(limit).policy), limit]))
}

function shortened([path, value]: Named): [string, string | number | boolean | null] {
  if (typeof value === 'number' || typeof value === 'boolean' || value === null)
    return [path, value]
  return [path, (typeof value === 'string' ? value : '…').slice(0, MAX_VALUE_CHARACTERS)]
}

/** Documents of keys have their own names for what the admin API shows. */
function apiName(name: string): string {
  return name === 'hashes' ? 'secrets' : name.replace(/AtMs$/, 'At')
}

function namesOf(some: JsonObject, others: JsonObject): readonly string[] {
  return [...new Set([...Object.keys(some), ...Object.keys(others)])]
}

function isSame(some: unknown, other: unknown): boolean {
  return JSON.stringify(some) === JSON.stringify(other)
}

function objectOf(value: unknown): JsonObject {
  return typeof value === 'object' && value !== null ? (value as JsonObject) : {}
}
