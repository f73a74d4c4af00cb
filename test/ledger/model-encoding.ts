import type {
  AdmitCommand,
  Check,
  FinishCommand,
  Hold,
  SubjectState,
} from '../../src/ledger/port.ts'
import {
  type Admission,
  type Finishing,
  KIND_NUMBERS,
  type LedgerModel,
  type ModelRecord,
  type Share,
} from './ledger-model.ts'

/** The model's words as the port's flat arrays, and states as text that two sides can compare. */
export function holdOf(shares: readonly Share[]): Hold {
  return shares.flatMap(({ claims }) => [
    claims.length,
    ...claims.flatMap((c) => [c.id, c.window, c.amount, KIND_NUMBERS[c.counted]]),
  ])
}

function checkOf({ from, until, shares }: Admission): Check {
  const limits = shares.flatMap(({ rates, claims }) => [
    rates.length,
    ...rates.flatMap(({ id, costUs, burstUs }) => [id, costUs, burstUs]),
    ...claims.map(({ allowed }) => allowed),
  ])
  return [from, until, ...limits]
}

export function admitCommand(ask: Admission): AdmitCommand {
  const common = {
    partition: 0,
    subjects: ask.shares.map(({ subject }) => subject),
    hold: holdOf(ask.shares),
    check: checkOf(ask),
    deadlineMs: ask.deadlineMs,
  }
  if (ask.op !== 'R') return { ...common, op: ask.op }
  const { rid, fingerprint, ttlMs, lookMs, note, batch } = ask
  const each = batch?.map((one) => ({ rid: one.rid, hold: holdOf(one.shares), note: one.note }))
  const named = { rid, fingerprint, ttlMs, lookMs, note }
  return { ...common, ...named, op: 'R', ...(each !== undefined && { each }) }
}

export function finishCommand(ask: Finishing): FinishCommand {
  const { op, rid, fingerprint, shares, actual } = ask
  const subjects = shares.map(({ subject }) => subject)
  const named = { partition: 0, rid, fingerprint, subjects }
  const noted = ask.note === undefined ? {} : { note: ask.note }
  const measured = {
    actualBytes: actual.bytes,
    storedDelta: actual.stored,
    objectsDelta: actual.objects,
  }
  const hold = holdOf(shares)
  const limits = shares.flatMap(({ claims }) => claims.map(({ allowed }) => allowed))
  const { note = '', lookMs = 0, expMs = 0 } = ask
  switch (op) {
    case 'S':
      return { ...named, ...noted, ...measured, op }
    case 'M':
      return {
        ...named,
        ...noted,
        op,
        ...(ask.lookMs !== undefined && { lookMs }),
        ...(ask.expMs !== undefined && { expMs }),
      }
    case 'L':
      return { ...named, ...measured, op, hold, limits, lookMs, note }
    case 'A':
      return { ...named, op, hold, limits, expMs, lookMs, note }
    default:
      return { ...named, ...noted, op }
  }
}

export interface Counter {
  readonly id: number
  readonly window: number
  readonly posted: number
  readonly pending: number
}

/** The counters of a flat state. */
export function countersOf(state: SubjectState): Counter[] {
  const counters: Counter[] = []
  for (let at = 2 + 2 * (state[1] ?? 0); at < state.length; at += 4) {
    const [id = 0, window = 0, posted = 0, pending = 0] = state.slice(at, at + 4)
    counters.push({ id, window, posted, pending })
  }
  return counters
}

const text = (numbers: readonly number[]) => numbers.join(' ')

export function digestOfSubjects(subjects: ReadonlyMap<string, SubjectState>): string {
  const lines = [...subjects].flatMap(([subject, state]) => {
    const rates = Array.from({ length: state[1] ?? 0 }, (_, n) => state.slice(2 + 2 * n, 4 + 2 * n))
    const counters = countersOf(state).map((c) => text([c.id, c.window, c.posted, c.pending]))
    return [...rates.map((rate) => `rate ${text(rate)}`), ...counters].map(
      (line) => `${subject} ${line}`,
    )
  })
  return lines.sort().join('\n')
}

export function digestOfModel(model: LedgerModel): string {
  const lines = [...model.accounts].flatMap(([subject, { rates, newest, older }]) => [
    ...[...rates].map((rate) => `${subject} rate ${text(rate)}`),
    ...[...newest, ...older].map(
      ([id, c]) => `${subject} ${text([id, c.window, c.posted, c.pending])}`,
    ),
  ])
  return lines.sort().join('\n')
}

/** What a driver and the model both know of a record. */
export interface KnownRecord {
  readonly rid: string
  readonly state: string
  readonly fingerprint: string
  readonly expMs: number
  readonly hold: Hold
  readonly subjects: readonly string[]
  readonly note: string
  readonly actual: number
  readonly over: number
  readonly due: number | null
}

export function digestOfRecords(records: readonly KnownRecord[]): string {
  const lines = records.map(({ rid, state, fingerprint, expMs, hold, subjects, ...record }) => {
    const { note, actual, over, due } = record
    return JSON.stringify([rid, state, fingerprint, expMs, hold, subjects, note, actual, over, due])
  })
  return lines.sort().join('\n')
}

export function recordsOfModel(model: LedgerModel): KnownRecord[] {
  return [...model.records].map(([rid, record]: [string, ModelRecord]) => ({
    ...record,
    rid,
    hold: record.state === 'P' ? holdOf(record.shares) : [],
    subjects: record.shares.map(({ subject }) => subject),
    due: model.looks.get(rid) ?? null,
  }))
}
