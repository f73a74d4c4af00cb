import { toTimestamp } from '../clock.ts'
import type { PartitionAudit } from '../ledger/audit.ts'
import { subjectId } from '../ledger/subject-id.ts'
import { limitId } from '../limits/limit-id.ts'
import { STORE_POLICY } from '../limits/limit-set.ts'
import { isClean, type LedgerFindings } from './audit-ledger.ts'
import type { GatewayContext } from './context.ts'

/** Whose counter it is and of what, as far as the configuration knows: ids in a ledger are opaque. */
interface Named {
  readonly subject: string
  readonly tenant?: string
  readonly user?: string
  /** Of what a store holds. */
  readonly store?: string
  readonly policy?: string
}

/** Lines of each list in a report; `found` counts all. */
export const MAX_LISTED = 1_000

/** What is wrong in a ledger, in the words of its operator. */
export type LedgerReport = ReturnType<typeof reportOf>

/** Puts findings of all partitions together, with names. `clean`: nothing is wrong any more. */
export function reportOf(context: GatewayContext, { partitions, stored }: LedgerFindings) {
  const all = <Item>(of: (findings: PartitionAudit) => readonly Item[]) =>
    partitions.flatMap((findings) =>
      of(findings).map((item) => ({ partition: findings.partition, ...item })),
    )
  const sum = (of: (counts: PartitionAudit['counts']) => number) =>
    partitions.reduce((total, { counts }) => total + of(counts), 0)
  const drifts = all((findings) => findings.drifts)
  const index = all((findings) => findings.index)
  const negative = all((findings) => findings.negative)
  const unreadable = all((findings) => findings.unreadable)
  const counters = [...drifts, ...negative, ...(stored ?? [])]
  const nameOf = counters.length > 0 ? namesOf(context) : () => ({})
  const named = <Item extends { subject: string; limitId: number }>(items: readonly Item[]) =>
    items.slice(0, MAX_LISTED).map((item): Item & Named => ({ ...item, ...nameOf(item) }))
  return {
    checkedAt: toTimestamp(context.ledgerTime.nowMs()),
    clean: partitions.every(isClean) && (stored ?? []).length === 0,
    counts: {
      partitions: partitions.length,
      pending: sum(({ pending }) => pending),
      condemned: sum(({ condemned }) => condemned),
      subjects: sum(({ subjects }) => subjects),
    },
    found: {
      drifts: drifts.length,
      index: index.length,
      negative: negative.length,
      unreadable: unreadable.length,
      ...(stored !== undefined && { stored: stored.length }),
    },
    drifts: named(drifts),
    index: index.slice(0, MAX_LISTED),
    negative: named(negative),
    unreadable: unreadable.slice(0, MAX_LISTED),
    ...(stored !== undefined && { stored: named(stored) }),
  }
}

/**
 * Names of everybody and everything that is configured, by the ledger's ids of it: hashed once for a
 * whole report.
 */
export function namesOf({ capacity, config, hashing, ledger }: GatewayContext) {
  const { partitions, salt } = ledger
  const subjects = new Map<string, { tenant?: string; user?: string; store?: string }>()
  for (const [tenant, { users }] of config.tenants) {
    subjects.set(subjectId(hashing, salt, 't', tenant, ''), { tenant })
    for (const user of users.keys()) {
      subjects.set(subjectId(hashing, salt, 'u', tenant, user), { tenant, user })
    }
  }
  for (const { name, capacityBytes } of config.stores.values()) {
    if (capacityBytes === undefined) continue
    for (let partition = 0; partition < partitions; partition += 1) {
      subjects.set(capacity.subjectOf(name, partition), { store: name })
    }
  }
  const policies = new Map<number, string>([[capacity.limitId, STORE_POLICY]])
  for (const { quotas } of config.plans.values()) {
    for (const { policy } of quotas) policies.set(limitId(hashing, policy), policy)
  }
  return ({ subject, limitId: id }: { subject: string; limitId: number }) => {
    const policy = policies.get(id)
    return { ...subjects.get(subject), ...(policy !== undefined && { policy }) }
  }
}
