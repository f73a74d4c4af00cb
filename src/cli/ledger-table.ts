import type { LedgerReport } from '../gateway/ledger-report.ts'
import { columns, type Line } from './columns.ts'

/** A report for people: what was looked at, one table for each kind of fault, and what to do. */
export function ledgerTable(report: LedgerReport): string {
  const { counts, checkedAt, found, clean } = report
  const looked = `${counts.pending} pending and ${counts.condemned} condemned reservations, ${counts.subjects} subjects in ${counts.partitions} partitions, at ${checkedAt}`
  return [
    `${looked}\n`,
    ...section(
      'Pending amounts',
      found.drifts,
      'subject policy window pending held',
      report.drifts.map((each) => [...who(each), each.window, each.pending, each.held, fate(each)]),
    ),
    ...section(
      "The sweeper's index",
      found.index,
      'reservation fault',
      report.index.map((each) => [each.rid, each.what, fate(each)]),
    ),
    ...section(
      'Counters below zero',
      found.negative,
      'subject policy window posted pending',
      report.negative.map((each) => [...who(each), each.window, each.posted, each.pending]),
    ),
    ...section(
      'Unreadable values',
      found.unreadable,
      'name reason',
      report.unreadable.map((each) => [each.name, each.reason]),
    ),
    ...section(
      'Stored totals',
      found.stored ?? 0,
      'subject policy posted found',
      (report.stored ?? []).map((each) => [...who(each), each.posted, each.found]),
    ),
    clean ? 'ok\n' : `\n${adviceOf(report)}`,
  ].join('')
}

function section(title: string, found: number, head: string, lines: readonly Line[]): string[] {
  if (found === 0) return []
  const shown = lines.length < found ? `, the first ${lines.length} of them` : ''
  return [`\n${title}: ${found}${shown}\n`, ...columns([head.split(' '), ...lines])]
}

function who(each: {
  subject: string
  tenant?: string
  store?: string
  user?: string
  limitId: number
  policy?: string
}): [string, string] {
  const { subject, tenant, user, store, limitId, policy } = each
  const name = [tenant, user, store].filter((part) => part !== undefined).join('/')
  return [name === '' ? subject : name, policy ?? `#${limitId}`]
}

function fate({ repaired }: { repaired: boolean }): string {
  return repaired ? 'repaired' : ''
}

function adviceOf({ drifts, index, negative, unreadable, stored = [] }: LedgerReport): string {
  const lines: string[] = []
  if ([...drifts, ...index].some(({ repaired }) => !repaired)) {
    lines.push('Mend counters and index with: signet ledger repair')
  }
  if (stored.length > 0 || negative.length > 0) {
    lines.push('Put totals right with POST /admin/v1/adjustments, by found minus posted')
  }
  if (unreadable.length > 0) {
    lines.push('Unreadable values are refused; no counter is lowered while a reservation is one')
  }
  return lines.map((line) => `${line}\n`).join('')
}
