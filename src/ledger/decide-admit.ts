import type { Decision, LedgerRecord, LedgerState } from './decision.ts'
import type { AdmitCommand, AdmitReply, BatchItem, ReserveCommand, SubjectState } from './port.ts'
import { isIdle, openEntry, tatAt, workingCopy } from './subject-state.ts'

/** TAT is kept in whole microseconds since 2025-01-01: exact in a double until 2310. */
export const TAT_EPOCH_MS = 1_735_689_600_000
/** How far a TAT may lie beyond the burst before a clock that stepped back explains it. */
const MAX_AHEAD_US = 60_000_000

/**
 * The specification of reserve, look and charge (`ledger.md` sections 4 and 5): checks every limit of
 * every subject and charges all or nothing. Pure; `nowMs` is the ledger's clock.
 */
export function decideAdmit(
  state: LedgerState,
  command: AdmitCommand,
  nowMs: number,
): Decision<AdmitReply> {
  const known = command.op === 'R' ? knownReply(state, command, nowMs) : undefined
  if (known !== undefined) return { reply: known }
  if (command.deadlineMs > 0 && nowMs > command.deadlineMs)
    return { reply: { code: 'STALE', nowMs } }
  const [latestStart = 0, earliestEnd = 0] = command.check
  // Both ends: a fast clock of a gateway must not roll a window early.
  if (nowMs < latestStart || nowMs >= earliestEnd) return { reply: { code: 'PERIOD', nowMs } }
  const charge = chargeAll(state, command, nowMs)
  if (charge === undefined) return { reply: { code: 'PERIOD', nowMs } }
  const { levels, denied, subjects } = charge
  if (denied.length > 0) return { reply: { code: 'DENIED', nowMs, denied, levels } }
  if (command.op === 'Q') return { reply: { code: 'OK', nowMs, expMs: 0, levels } }
  if (command.op === 'C')
    return { reply: { code: 'OK', nowMs, expMs: 0, levels }, writes: { subjects } }
  const expMs = nowMs + command.ttlMs
  const { each: [first = command, ...others] = [], lookMs } = command
  return {
    reply: { code: 'OK', nowMs, expMs, levels },
    writes: {
      subjects,
      record: pending(command, first, expMs),
      ...(others.length > 0 && {
        others: others.map((item) => ({ rid: item.rid, record: pending(command, item, expMs) })),
      }),
      dueMs: nowMs + lookMs,
    },
  }
}

/** The answer for rids that are known already; the first of a batch answers for all. */
function knownReply(
  { record, others = [] }: LedgerState,
  { fingerprint }: ReserveCommand,
  nowMs: number,
): AdmitReply | undefined {
  if (record?.fingerprint === fingerprint) {
    const { state, expMs, actual, note } = record
    return { code: 'EXISTS', nowMs, state, expMs, actual, note }
  }
  const other = record ?? others.find((one) => one !== undefined)
  return other && { code: 'CONFLICT', nowMs, state: other.state }
}

function pending(
  { fingerprint, subjects: all }: ReserveCommand,
  { hold, note, subjects = all }: Pick<BatchItem, 'hold' | 'note' | 'subjects'>,
  expMs: number,
): LedgerRecord {
  return { state: 'P', fingerprint, expMs, hold, subjects, note, actual: -1, over: 0 }
}

interface Charge {
  readonly levels: number[]
  readonly denied: number[]
  readonly subjects: (SubjectState | undefined)[]
}

/** `undefined` when a window id is older than one that has begun. */
function chargeAll(state: LedgerState, command: AdmitCommand, nowMs: number): Charge | undefined {
  const { hold, check } = command
  const nowUs = Math.floor((nowMs - TAT_EPOCH_MS) * 1000)
  const levels: number[] = []
  const denied: number[] = []
  const subjects: (SubjectState | undefined)[] = []
  let position = 0
  let h = 0
  let c = 2
  for (const before of state.subjects) {
    const subject = workingCopy(before)
    const rates = check[c++] ?? 0
    for (let rate = 0; rate < rates; rate += 1, c += 3) {
      position += 1
      const id = check[c] ?? 0
      const inc = check[c + 1] ?? 0
      const tau = check[c + 2] ?? 0
      const at = tatAt(subject, id)
      const top = nowUs + tau
      let tat = Math.max(subject[at] ?? 0, nowUs)
      // The clock stepped back. A refusal writes nothing, so that a clamp to `top` would refuse until
      // the clock is back where it was: one request passes instead, and leaves the burst used up.
      if (tat > top + MAX_AHEAD_US) tat = Math.max(nowUs, top - inc)
      levels.push(top - tat)
      subject[at] = tat + inc
      // Who asks for nothing is not refused, even where a clock that stepped back left a debt.
      if (inc > 0 && tat + inc > top) denied.push(position)
    }
    const quotas = hold[h++] ?? 0
    for (let quota = 0; quota < quotas; quota += 1, h += 4, c += 1) {
      position += 1
      const id = hold[h] ?? 0
      const window = hold[h + 1] ?? 0
      const amount = hold[h + 2] ?? 0
      const at = openEntry(subject, id, window)
      if (at === undefined) return undefined
      const posted = subject[at + 2] ?? 0
      const pending = subject[at + 3] ?? 0
      levels.push(posted, pending)
      if (amount > 0 && posted + pending + amount > (check[c] ?? 0)) denied.push(position)
      // A charge keeps no record that could be settled: it is spent at once.
      if (command.op === 'C') subject[at + 2] = posted + amount
      else subject[at + 3] = pending + amount
    }
    subjects.push(isIdle(subject) ? undefined : subject)
  }
  return { levels, denied, subjects }
}
