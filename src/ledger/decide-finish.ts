import type { Decision, LedgerRecord, LedgerState, Writes } from './decision.ts'
import {
  type FinishCommand,
  type FinishReply,
  type Hold,
  KIND,
  type LateCommand,
  type ReassertCommand,
} from './port.ts'
import { postAll } from './post-all.ts'

type Ending = Decision<FinishReply>

/**
 * The specification of all that ends or changes a reservation (`ledger.md` sections 4 and 5). Every
 * command may come again, late, or after another ending. Pure; `nowMs` is the ledger's clock.
 */
export function decideFinish(state: LedgerState, command: FinishCommand, nowMs: number): Ending {
  const { record } = state
  if (record !== undefined && record.fingerprint !== command.fingerprint) {
    return { reply: { code: 'CONFLICT', nowMs, state: record.state } }
  }
  switch (command.op) {
    case 'L':
      return late(state, command, nowMs)
    case 'A':
      return reassert(state, command, nowMs)
    case 'M':
      return amend(record, command, nowMs)
    case 'G':
      return gone(record, command, nowMs)
    default:
      return end(state, command, nowMs)
  }
}

const ENDS = { S: 'S', V: 'V', X: 'X' } as const

function end(
  state: LedgerState,
  command: Extract<FinishCommand, { op: 'S' | 'V' | 'X' }>,
  nowMs: number,
): Ending {
  const { record } = state
  if (record === undefined) return { reply: { code: 'UNKNOWN', nowMs } }
  if (record.state !== 'P') return { reply: repeated(record, command, nowMs) }
  if (command.op === 'X' && nowMs < record.expMs) {
    return { reply: { code: 'EARLY', nowMs, expMs: record.expMs } }
  }
  const settled = command.op === 'S'
  const posting = postAll(state.subjects, record.hold, {
    released: true,
    posted: (kind, amount) => {
      if (kind === KIND.request) return amount
      if (!settled) return 0
      return landed(kind, amount, command)
    },
  })
  if (posting.corruptAt !== undefined) {
    return { reply: { code: 'CORRUPT', nowMs, position: posting.corruptAt } }
  }
  const over = settled ? overOf(record.hold, command.actualBytes) : 0
  const ended: LedgerRecord = {
    ...ownedBy(record.subjects),
    fingerprint: record.fingerprint,
    expMs: record.expMs,
    state: ENDS[command.op],
    actual: settled ? command.actualBytes : record.actual,
    over,
    note: command.note ?? record.note,
  }
  return {
    reply: { code: 'OK', nowMs, over },
    writes: { subjects: posting.subjects, record: ended, dueMs: null },
  }
}

/** The same ending as before is `DUP`, any other one `TERMINAL`. */
function repeated(
  record: LedgerRecord,
  command: Extract<FinishCommand, { op: 'S' | 'V' | 'X' }>,
  nowMs: number,
): FinishReply {
  const same =
    record.state === command.op && (command.op !== 'S' || record.actual === command.actualBytes)
  return { code: same ? 'DUP' : 'TERMINAL', nowMs, ...standing(record) }
}

function late(state: LedgerState, command: LateCommand, nowMs: number): Ending {
  const { record } = state
  const known = record !== undefined
  if (known && record.state !== 'V' && record.state !== 'X') {
    return { reply: { code: 'EXISTS', nowMs, ...standing(record) } }
  }
  const posting = postAll(state.subjects, command.hold, {
    released: false,
    limits: command.limits,
    // Requests of a known record were spent when it ended.
    posted: (kind, amount) => {
      if (kind === KIND.request) return known ? 0 : amount
      return landed(kind, amount, command)
    },
  })
  if (posting.corruptAt !== undefined) {
    return { reply: { code: 'CORRUPT', nowMs, position: posting.corruptAt } }
  }
  const { fingerprint, note, actualBytes } = command
  const expMs = record?.expMs ?? nowMs
  const owned = ownedBy(command.subjects)
  const kept = { ...owned, fingerprint, expMs, note, actual: actualBytes, over: 0 }
  if (posting.denied.length > 0) {
    const dueMs = nowMs + command.lookMs
    return {
      reply: { code: 'DENIED', nowMs, denied: posting.denied },
      writes: { record: { ...kept, state: 'D' }, dueMs },
    }
  }
  return {
    reply: { code: 'OK', nowMs, over: 0 },
    writes: { subjects: posting.subjects, record: { ...kept, state: 'S' }, dueMs: null },
  }
}

function reassert(state: LedgerState, command: ReassertCommand, nowMs: number): Ending {
  const { record } = state
  if (record !== undefined) return { reply: { code: 'EXISTS', nowMs, ...standing(record) } }
  const posting = postAll(state.subjects, command.hold, {
    released: false,
    held: true,
    limits: command.limits,
    posted: () => 0,
  })
  if (posting.corruptAt !== undefined) {
    return { reply: { code: 'CORRUPT', nowMs, position: posting.corruptAt } }
  }
  const { fingerprint, expMs, hold, subjects, note } = command
  const pending = { state: 'P', actual: -1, over: 0 } as const
  const back: LedgerRecord = { ...pending, fingerprint, expMs, hold, subjects, note }
  const writes: Writes = {
    subjects: posting.subjects,
    record: back,
    dueMs: nowMs + command.lookMs,
  }
  return { reply: { code: 'OK', nowMs, over: posting.over }, writes }
}

function amend(
  record: LedgerRecord | undefined,
  command: Extract<FinishCommand, { op: 'M' }>,
  nowMs: number,
): Ending {
  if (record === undefined) return { reply: { code: 'UNKNOWN', nowMs } }
  if (record.state !== 'P') return { reply: { code: 'TERMINAL', nowMs, ...standing(record) } }
  if (command.ifNote !== undefined && command.ifNote !== record.note) {
    return { reply: { code: 'EXISTS', nowMs, ...standing(record) } }
  }
  const amended: LedgerRecord = {
    ...record,
    note: command.note ?? record.note,
    // Only ever later: a URL may be out that ends with the old one.
    expMs: Math.max(record.expMs, command.expMs ?? 0),
  }
  return {
    reply: { code: 'OK', nowMs, over: 0 },
    writes: {
      record: amended,
      ...(command.lookMs !== undefined && { dueMs: nowMs + command.lookMs }),
    },
  }
}

function gone(
  record: LedgerRecord | undefined,
  command: Extract<FinishCommand, { op: 'G' }>,
  nowMs: number,
): Ending {
  if (record === undefined) return { reply: { code: 'UNKNOWN', nowMs } }
  if (record.state !== 'D') return { reply: { code: 'TERMINAL', nowMs, ...standing(record) } }
  // Condemned for good: as `V` it could be let in by `L` when its URL is used once more.
  const closed: LedgerRecord = { ...record, note: command.note ?? record.note }
  return {
    reply: { code: 'OK', nowMs, over: 0 },
    writes: { record: closed, dueMs: null },
  }
}

/** What an object that is really there posts, by the kind of counter. */
function landed(
  kind: number,
  amount: number,
  actual: { actualBytes: number; storedDelta: number; objectsDelta: number },
): number {
  if (kind === KIND.bytes) return actual.actualBytes
  if (kind === KIND.count) return amount
  if (kind === KIND.stored) return actual.storedDelta
  if (kind === KIND.objects) return actual.objectsDelta
  return 0
}

/** Bytes above what was reserved; 0 where no limit counts bytes. */
function overOf(hold: Hold, actualBytes: number): number {
  let reserved: number | undefined
  for (let at = 0; at < hold.length; ) {
    const count = hold[at] ?? 0
    for (let entry = at + 1; entry < at + 1 + count * 4; entry += 4) {
      if (hold[entry + 3] === KIND.bytes) reserved = Math.max(reserved ?? 0, hold[entry + 2] ?? 0)
      const stored = hold[entry + 3] === KIND.stored && (hold[entry + 2] ?? 0) > 0
      if (stored) reserved = Math.max(reserved ?? 0, hold[entry + 2] ?? 0)
    }
    at += 1 + count * 4
  }
  return reserved === undefined ? 0 : Math.max(0, actualBytes - reserved)
}

/** What an ended record keeps of a hold: whose it was. */
function ownedBy(subjects: readonly string[]): Pick<LedgerRecord, 'hold' | 'subjects'> {
  return { hold: [], subjects: subjects.slice(0, 1) }
}

function standing({ state, expMs, actual, note }: LedgerRecord) {
  return { state, expMs, actual, note }
}
