import type { Operation, Permission } from '../auth/principal.ts'
import { type Networks, parseNetworks } from '../network.ts'
import { isNetworkWithin } from './network-within.ts'

// In the order in which a reader would compare two rules: the first one that no rule of the parent passes
// is what is told.
const MEMBERS = [
  'operations',
  'buckets',
  'prefix',
  'contentTypes',
  'maxSizeBytes',
  'expiresInSecondsMax',
  'networks',
] as const

/** What lets a rule reach beyond its parent's. */
export type WiderMember = (typeof MEMBERS)[number]

/** A rule that allows more than any one rule of its parent, and by what. */
export interface Wider {
  /** Place of the rule, from 0. */
  readonly rule: number
  readonly member: WiderMember
}

/**
 * Some of the parent's rules: bit n stands for rule n. Rules multiply to a great many combinations of
 * their lists, so each list is looked at once and what is left of it is a number.
 */
type Parents = bigint
const NONE: Parents = 0n

/**
 * The rules that allow more than their parent's, each member once; none: the child is within. Each operation,
 * bucket and content type of a rule needs one rule of the parent that allows all the rest of it, so rules
 * that only together cover a child's do not. An absent bound is wider than any.
 */
export function widerThan(
  ceiling: readonly Permission[],
  rules: readonly Permission[],
): readonly Wider[] {
  const parents = indexed(ceiling)
  return rules.flatMap((rule, index) => {
    const found = widerMembers(rule, parents)
    return MEMBERS.filter((member) => found.has(member)).map((member) => ({ rule: index, member }))
  })
}

function widerMembers(rule: Permission, parents: ReturnType<typeof indexed>): Set<WiderMember> {
  const { operations, buckets, prefix, contentTypes } = rule
  const withPrefix = parents.that((parent) => prefix.startsWith(parent.prefix))
  const withTypes = new Set([...(contentTypes ?? [undefined])].map(parents.withType))
  const bounds = boundsOf(rule, parents)
  const found = new Set<WiderMember>()
  const seen = new Set<Parents>()
  for (const withOperation of [...operations].map(parents.withOperation)) {
    for (const bucket of buckets) {
      const withBucket = withOperation & parents.withBucket(bucket)
      const placed = withBucket & withPrefix
      if (withOperation === NONE) found.add('operations')
      else if (withBucket === NONE) found.add('buckets')
      else if (placed === NONE) found.add('prefix')
      else if (!seen.has(placed)) addWiderBounds(placed)
      seen.add(placed)
    }
  }
  return found

  /** Of the parent's rules that are left, one has to take each type within all its bounds. */
  function addWiderBounds(placed: Parents): void {
    for (const withType of withTypes) {
      let left = placed & withType
      if (left === NONE) found.add('contentTypes')
      for (const [member, within] of bounds) {
        if (left === NONE) break
        left &= within
        if (left === NONE) found.add(member)
      }
    }
  }
}

function boundsOf(
  { maxSizeBytes, expiresInSecondsMax, networks }: Permission,
  parents: ReturnType<typeof indexed>,
): readonly (readonly [WiderMember, Parents])[] {
  return [
    ['maxSizeBytes', parents.that((parent) => isWithinBound(maxSizeBytes, parent.maxSizeBytes))],
    [
      'expiresInSecondsMax',
      parents.that((parent) => isWithinBound(expiresInSecondsMax, parent.expiresInSecondsMax)),
    ],
    ['networks', parents.withNetworks(networks)],
  ]
}

/** The parent's rules by what is in their lists. */
function indexed(ceiling: readonly Permission[]) {
  const that = (passes: (parent: Permission) => boolean): Parents =>
    ceiling.reduce((bits, rule, at) => (passes(rule) ? bits | (1n << BigInt(at)) : bits), NONE)
  const operations = byItem(ceiling, (rule) => rule.operations)
  const buckets = byItem(ceiling, (rule) => rule.buckets)
  const types = byItem(ceiling, (rule) => rule.contentTypes)
  const anyType = that((rule) => rule.contentTypes === undefined)
  const anyNetwork = that((rule) => rule.networks === undefined)
  const networks = [...byItem(ceiling, (rule) => rule.networks)].map(
    ([network, bits]) => [parsedNetwork(network), bits] as const,
  )
  const known = new Map<string, Parents>()

  function withNetwork(text: string): Parents {
    const before = known.get(text)
    if (before !== undefined) return before
    const inner = parsedNetwork(text)
    const bits = networks.reduce(
      (all, [outer, own]) => (isNetworkWithin(inner, outer) ? all | own : all),
      anyNetwork,
    )
    known.set(text, bits)
    return bits
  }

  return {
    that,
    withOperation(operation: Operation): Parents {
      const own = operations.get(operation) ?? NONE
      // Whoever may upload may do so in parts.
      return operation === 'multipart' ? own | (operations.get('upload') ?? NONE) : own
    },
    withBucket: (bucket: string): Parents => buckets.get(bucket) ?? NONE,
    withType: (type: string | undefined): Parents =>
      type === undefined ? anyType : anyType | (types.get(type) ?? NONE),
    withNetworks: (list: readonly string[] | undefined): Parents =>
      list === undefined
        ? anyNetwork
        : list.map(withNetwork).reduce(
            (all, bits) => all & bits,
            that(() => true),
          ),
  }
}

function byItem<Item>(
  ceiling: readonly Permission[],
  itemsOf: (rule: Permission) => Iterable<Item> | undefined,
): ReadonlyMap<Item, Parents> {
  const found = new Map<Item, Parents>()
  ceiling.forEach((rule, at) => {
    for (const item of itemsOf(rule) ?? []) {
      found.set(item, (found.get(item) ?? NONE) | (1n << BigInt(at)))
    }
  })
  return found
}

function isWithinBound(bound: number | undefined, outer: number | undefined): boolean {
  return outer === undefined || (bound !== undefined && bound <= outer)
}

/** `undefined` for what is no network: it is told elsewhere, and within none. */
function parsedNetwork(text: string): Networks[number] | undefined {
  try {
    return parseNetworks([text])[0]
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return undefined
  }
}
