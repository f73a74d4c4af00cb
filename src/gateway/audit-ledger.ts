import { toTimestamp } from '../clock.ts'
import { GatewayError } from '../errors.ts'
import type { CounterDrift, IndexDrift, NegativeCounter, PartitionAudit } from '../ledger/audit.ts'
import type { Ledger } from '../ledger/port.ts'
import { type AskedBy, recordOrLog } from './audit-events.ts'
import type { GatewayContext } from './context.ts'
import { compareStored, type StoredDifference } from './stored-at-rest.ts'

export interface AuditLedgerOptions {
  /** Mend counters and index. Default false. */
  readonly repair?: boolean
  /** Compare stored totals with what the stores list: a HEAD for every object. Default false. */
  readonly stored?: boolean
  /** Resolves some milliseconds later: what is wrong must be so before and after. */
  readonly pause: () => Promise<void>
  /** Sees what was there when it began, not some seconds before. Default false. */
  readonly fresh?: boolean
  /** For the record of what was mended. */
  readonly askedBy?: AskedBy
  /** Asked between partitions, and between objects: true ends the audit with `Overloaded`. */
  readonly isStopped?: () => boolean
}

export interface LedgerFindings {
  /** What is wrong in each, without what only one of two looks has shown. */
  readonly partitions: readonly PartitionAudit[]
  /** Only when it was asked for. */
  readonly stored?: readonly StoredDifference[]
}

const EXAMPLES = 5

/** Ledgers whose stored totals are being compared: one HEAD for every object is enough at a time. */
const comparing = new WeakSet<Ledger>()

/**
 * Compares every partition with itself, and on demand mends it and compares stored totals with the
 * stores. Safe beside traffic and other audits. What was mended is recorded, as far as it came. Throws
 * `LedgerUnavailable`, `StoreUnavailable`; `Overloaded` beside another comparison with the stores, and
 * when it is stopped.
 */
export async function auditLedger(
  context: GatewayContext,
  options: AuditLedgerOptions,
): Promise<LedgerFindings> {
  if (options.stored !== true) return { partitions: await auditAll(context, options) }
  const { ledger } = context
  if (comparing.has(ledger)) {
    const why = 'another comparison with the stores is under way'
    throw new GatewayError('Overloaded', `Cannot audit the ledger: ${why}`)
  }
  comparing.add(ledger)
  try {
    const partitions = await auditAll(context, options)
    const mustGoOn = () => goOn(options)
    return { partitions, stored: await compareStored(context, partitions, mustGoOn) }
  } finally {
    comparing.delete(ledger)
  }
}

async function auditAll(
  context: GatewayContext,
  options: AuditLedgerOptions,
): Promise<PartitionAudit[]> {
  const partitions: PartitionAudit[] = []
  try {
    for (let partition = 0; partition < context.ledger.partitions; partition += 1) {
      goOn(options)
      const fresh = options.fresh === true && partition === 0
      partitions.push(await auditOne(context, partition, { ...options, fresh }))
    }
    return partitions
  } finally {
    await recordRepairs(context, partitions, options.askedBy)
  }
}

/** Throws `Overloaded` when nobody waits any more, or the gateway is about to stop. */
function goOn({ isStopped }: AuditLedgerOptions): void {
  if (isStopped?.() !== true) return
  throw new GatewayError('Overloaded', 'Cannot audit the ledger: it was stopped before its end')
}

async function recordRepairs(
  context: GatewayContext,
  partitions: readonly PartitionAudit[],
  askedBy: AskedBy = {},
): Promise<void> {
  const count = (of: (audit: PartitionAudit) => readonly { readonly repaired: boolean }[]) =>
    partitions.flatMap(of).filter((each) => each.repaired).length
  const repaired = { counters: count(({ drifts }) => drifts), index: count(({ index }) => index) }
  if (repaired.counters + repaired.index === 0) return
  context.log.info('ledger.repaired', repaired)
  await recordOrLog(context, {
    event: 'ledger.repaired',
    at: toTimestamp(context.clock.nowMs()),
    ...askedBy,
    repaired,
  })
}

/**
 * Audits one partition. What is wrong is looked at twice, as a driver that cannot read everything in
 * one step may see a change half done. The second one repairs; what both show, and what was not
 * repaired, is an alarm.
 */
export async function auditOne(
  context: GatewayContext,
  partition: number,
  { repair = false, fresh = false, pause }: Pick<AuditLedgerOptions, 'repair' | 'fresh' | 'pause'>,
): Promise<PartitionAudit> {
  const look = { partition, repair: false }
  const first = await context.ledger.audit(fresh ? { ...look, fresh } : look)
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
  const { partition, negative, unreadable } = findings
  const drifts = findings.drifts.filter(({ repaired }) => !repaired)
  const index = findings.index.filter(({ repaired }) => !repaired)
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
