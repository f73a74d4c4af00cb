import type { Operation, Permission } from '../auth/principal.ts'
import { isNetworkWithin } from './network-within.ts'

/** What lets a rule reach beyond its parent's. */
export type WiderMember = (typeof STEPS)[number]['member']

/** A rule that allows more than any one rule of its parent, and by what. */
export interface Wider {
  /** Place of the rule, from 0. */
  readonly rule: number
  readonly member: WiderMember
}

/** One thing that a rule allows: a rule is as many of them as its lists multiply to. */
interface Wanted {
  readonly operation: Operation
  readonly bucket: string
  /** `undefined`: every type that the bucket takes. */
  readonly contentType: string | undefined
  readonly rule: Permission
}

// In the order in which a reader would compare two rules: the first one that no rule of the parent passes
// is what is told.
const STEPS = [
  {
    member: 'operations',
    // Whoever may upload may do so in parts.
    within: ({ operation }: Wanted, parent: Permission) =>
      parent.operations.has(operation) ||
      (operation === 'multipart' && parent.operations.has('upload')),
  },
  {
    member: 'buckets',
    within: ({ bucket }: Wanted, parent: Permission) => parent.buckets.has(bucket),
  },
  {
    member: 'prefix',
    within: ({ rule }: Wanted, parent: Permission) => rule.prefix.startsWith(parent.prefix),
  },
  {
    member: 'contentTypes',
    within: ({ contentType }: Wanted, { contentTypes }: Permission) =>
      contentTypes === undefined || (contentType !== undefined && contentTypes.has(contentType)),
  },
  {
    member: 'maxSizeBytes',
    within: ({ rule }: Wanted, parent: Permission) =>
      isWithinBound(rule.maxSizeBytes, parent.maxSizeBytes),
  },
  {
    member: 'expiresInSecondsMax',
    within: ({ rule }: Wanted, parent: Permission) =>
      isWithinBound(rule.expiresInSecondsMax, parent.expiresInSecondsMax),
  },
  {
    member: 'networks',
    within: ({ rule }: Wanted, parent: Permission) =>
      areNetworksWithin(rule.networks, parent.networks),
  },
] as const

/**
 * The rules that allow more than their parent's, each member once; none: the child is within. Each operation,
 * bucket and content type of a rule needs one rule of the parent that allows all the rest of it, so rules
 * that only together cover a child's do not. An absent bound is wider than any.
 */
export function widerThan(
  ceiling: readonly Permission[],
  rules: readonly Permission[],
): readonly Wider[] {
  return rules.flatMap((rule, index) => {
    const found = new Set(wantedOf(rule).map((wanted) => widerMember(ceiling, wanted)))
    return STEPS.filter(({ member }) => found.has(member)).map(({ member }) => ({
      rule: index,
      member,
    }))
  })
}

function wantedOf(rule: Permission): Wanted[] {
  const types = rule.contentTypes === undefined ? [undefined] : [...rule.contentTypes]
  return [...rule.operations].flatMap((operation) =>
    [...rule.buckets].flatMap((bucket) =>
      types.map((contentType) => ({ operation, bucket, contentType, rule })),
    ),
  )
}

function widerMember(ceiling: readonly Permission[], wanted: Wanted): WiderMember | undefined {
  let parents = ceiling
  for (const { member, within } of STEPS) {
    parents = parents.filter((parent) => within(wanted, parent))
    if (parents.length === 0) return member
  }
  return undefined
}

function isWithinBound(bound: number | undefined, outer: number | undefined): boolean {
  return outer === undefined || (bound !== undefined && bound <= outer)
}

function areNetworksWithin(
  networks: readonly string[] | undefined,
  outer: readonly string[] | undefined,
): boolean {
  if (outer === undefined || networks === undefined) return outer === undefined
  return networks.every((network) => outer.some((each) => isNetworkWithin(network, each)))
}
