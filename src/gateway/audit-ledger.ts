import type { CounterDrift, IndexDrift, NegativeCounter, PartitionAudit } from '../ledger/audit.ts'
import type { GatewayContext } from './context.ts'
import { compareStored, type StoredDifference } from './stored-at-rest.ts'

export interface AuditLedgerOptions {
  /** Mend counters and index. Default false. */
  readonly repair?: boolean
  /** Compare stored totals with what the stores list: a HEAD for every object. Default false. */
  readonly stored?: boolean
  /** Resolves some milliseconds later: what is wrong must be so before and after. */
  readonly pause: () => Promise<void>
  /** Asked between partitions: true ends the audit early. */
  readonly isStopped?: () => boolean
}

export interface LedgerFindings {
  /** What is wrong in each, without what only one of two looks has shown. */
  readonly partitions: readonly PartitionAudit[]
  /** Only when it was asked for. */
  readonly stored?: readonly StoredDifference[]
}

const EXAMPLES = 5

/**
 * Compares every partition with itself, and on demand mends it and compares stored totals with the
 * stores. Safe beside traffic and other audits. Throws `LedgerUnavailable`, `StoreUnavailable`.
 */
export async function auditLedger(
  context: GatewayContext,
  options: AuditLedgerOptions,
): Promise<LedgerFindings> {
  const { stored = false, isStopped = () => false } = options
  const partitions: PartitionAudit[] = []
  for (let partition = 0; partition < context.ledger.partitions && !isStopped(); partition += 1) {
    partitions.push(await auditOne(context, partition, options))
  }
  if (!stored) return { partitions }
  return { partitions, stored: await compareStored(context, partitions) }
}

/**
 * Audits one partition. What is wrong is looked at twice, as a driver that cannot read everything in
 * one step may see a change half done; what both looks show is an alarm. The second one repairs.
 */
export async function auditOne(
  context: GatewayContext,
  partition: number,
  { repair = false, pause }: Pick<AuditLedgerOptions, 'repair' | 'pause'>,
): Promise<PartitionAudit> {
  const first = await context.ledger.audit({ partition, repair: false })
  context.ledgerTime.learn(first.nowMs)
  if (isClean(first)) return first
  await pause()
  const second = await context.ledger.audit({ partition, repair })
  const findings = seenTwice(first, second)
  alarm(context, findings)
  return findings
}

/** True when nothing is wrong, or nothing any more. */
export function isClean(
  findings: Pick<PartitionAudit, 'drifts' | 'index' | 'negative' | 'unreadable'>,
): boolean {
  const { drifts, index, negative, unreadable } = findings
  const left = [...drifts, ...index].filter(({ repaired }) => !repaired)
  return left.length + negative.length + unreadable.length === 0
}

/** What both audits show; and what the second one has changed, whatever the first one saw. */
function seenTwice(first: PartitionAudit, second: PartitionAudit): PartitionAudit {
  const drifted = new Set(first.drifts.map(driftName))
  const indexed = new Set(first.index.map(indexName))
  const negative = new Set(first.negative.map(counterName))
  const unreadable = new Set(first.unreadable.map(({ name }) => name))
  return {
    ...second,
    drifts: second.drifts.filter((each) => each.repaired || drifted.has(driftName(each))),
    index: second.index.filter((each) => each.repaired || indexed.has(indexName(each))),
    negative: second.negative.filter((each) => negative.has(counterName(each))),
    unreadable: second.unreadable.filter(({ name }) => unreadable.has(name)),
  }
}

function alarm(context: GatewayContext, findings: PartitionAudit): void {
  const { partition, drifts, index, negative, unreadable } = findings
  const wrong = { DRIFT: drifts, INDEX: index, NEGATIVE: negative, UNREADABLE: unreadable }
  for (const [code, found] of Object.entries(wrong)) {
    if (found.length === 0) continue
    context.telemetry.ledgerAlarmed({ op: 'audit', code })
    context.log.error('ledger.alarm', {
      op: 'audit',
      code,
      partition,
      found: found.length,
      examples: found.slice(0, EXAMPLES),
    })
  }
}

// The difference, not the amounts: a counter in use moves on between two looks.
function driftName(drift: CounterDrift): string {
  return `${counterName(drift)} ${drift.pending - drift.held}`
}

function counterName({ subject, limitId, window }: Omit<NegativeCounter, 'posted' | 'pending'>) {
  return `${subject} ${limitId} ${window}`
}

function indexName({ rid, what }: IndexDrift): string {
  return `${what} ${rid}`
}
