import {
  type ChargeCommand,
  type Hold,
  KIND,
  type Kind,
  type Ledger,
  type LookCommand,
  type ReserveCommand,
} from '../../src/ledger/port.ts'

/** What the contract runs on. A ledger whose own clock decides waits in `advance`. */
export interface OpenedLedger {
  readonly ledger: Ledger
  /** The ledger's clock. */
  nowMs(): number | Promise<number>
  advance(ms: number): void | Promise<void>
}

/** One quota of a subject; `window` 0, as by default, is a total. */
export interface QuotaLine {
  readonly id: number
  readonly kind: Kind
  readonly amount: number
  readonly limit: number
  readonly window?: number
}

export interface RateLine {
  readonly id: number
  readonly incUs: number
  readonly tauUs: number
}

/** What one subject is asked for. */
export interface Asked {
  readonly subject: string
  readonly rates?: readonly RateLine[]
  readonly quotas?: readonly QuotaLine[]
}

interface Times {
  readonly startMs?: number
  readonly endMs?: number
  readonly deadlineMs?: number
}

export const NOTE = '{"kind":"upload"}'
/** Long enough for any test. */
export const TTL_MS = 3_600_000
export const USER = 'uAAAAAAAAAAAAAAAA'
export const TENANT = 'tAAAAAAAAAAAAAAAA'
export const OBJECT = 'oAAAAAAAAAAAAAAAA'

/** A total of bytes at rest: the simplest quota that there is. */
export function stored(amount: number, limit: number): QuotaLine {
  return { id: 7, kind: KIND.stored, amount, limit }
}

export function bytes(amount: number, limit: number, window: number): QuotaLine {
  return { id: 8, kind: KIND.bytes, amount, limit, window }
}

/** One of each kind, so that what an ending posts can be read off six counters. */
export function everyKind(amount: number, limit = 1_000): QuotaLine[] {
  return Object.values(KIND).map((kind) => ({ id: 20 + kind, kind, amount, limit }))
}

function admission(asked: readonly Asked[], times: Times) {
  const { startMs = 0, endMs = Number.MAX_SAFE_INTEGER, deadlineMs = 0 } = times
  const check = [startMs, endMs]
  for (const { rates = [], quotas = [] } of asked) {
    check.push(rates.length)
    for (const { id, incUs, tauUs } of rates) check.push(id, incUs, tauUs)
    for (const { limit } of quotas) check.push(limit)
  }
  const subjects = asked.map(({ subject }) => subject)
  return { partition: 0, subjects, hold: holdOf(asked), check, deadlineMs }
}

export function holdOf(asked: readonly Asked[]): Hold {
  return asked.flatMap(({ quotas = [] }) => [
    quotas.length,
    ...quotas.flatMap(({ id, window = 0, amount, kind }) => [id, window, amount, kind]),
  ])
}

export function limitsIn(asked: readonly Asked[]): number[] {
  return asked.flatMap(({ quotas = [] }) => quotas.map(({ limit }) => limit))
}

export function reserve(
  rid: string,
  asked: readonly Asked[],
  more: Times & Partial<Pick<ReserveCommand, 'fingerprint' | 'lookMs' | 'note' | 'ttlMs'>> = {},
): ReserveCommand {
  const { fingerprint = 'fp', lookMs = TTL_MS, note = NOTE, ttlMs = TTL_MS, ...times } = more
  return { op: 'R', rid, fingerprint, lookMs, note, ttlMs, ...admission(asked, times) }
}

export function look(asked: readonly Asked[], times: Times = {}): LookCommand {
  return { op: 'Q', ...admission(asked, times) }
}

export function charge(asked: readonly Asked[], times: Times = {}): ChargeCommand {
  return { op: 'C', ...admission(asked, times) }
}

/** What every ending names. */
export function ref({ rid, fingerprint, subjects }: ReserveCommand) {
  return { partition: 0, rid, fingerprint, subjects }
}

/** What landed at the store. */
export function landed(actualBytes: number, storedDelta = actualBytes, objectsDelta = 1) {
  return { actualBytes, storedDelta, objectsDelta }
}

/** A command's subjects, hold and limits for what needs no record: late and re-assert. */
export function carried(asked: readonly Asked[], rid: string, fingerprint = 'fp') {
  return {
    partition: 0,
    rid,
    fingerprint,
    subjects: asked.map(({ subject }) => subject),
    hold: holdOf(asked),
    limits: limitsIn(asked),
    lookMs: 1_000,
    note: NOTE,
  }
}

/** Posted and pending of every quota, in order, by a look that asks for nothing. */
export async function countersOf(ledger: Ledger, asked: readonly Asked[]): Promise<number[]> {
  const reply = await ledger.admit(look(asked.map(nothingOf)))
  if (reply.code !== 'OK') throw new Error(`Cannot look: ${reply.code}`)
  let at = 0
  return asked.flatMap(({ rates = [], quotas = [] }) => {
    at += rates.length
    const counters = reply.levels.slice(at, at + 2 * quotas.length)
    at += 2 * quotas.length
    return counters
  })
}

/** Microseconds of room of every rate, in order. */
export async function roomsOf(ledger: Ledger, asked: readonly Asked[]): Promise<number[]> {
  const reply = await ledger.admit(look(asked.map(nothingOf)))
  if (reply.code !== 'OK') throw new Error(`Cannot look: ${reply.code}`)
  let at = 0
  return asked.flatMap(({ rates = [], quotas = [] }) => {
    const rooms = reply.levels.slice(at, at + rates.length)
    at += rates.length + 2 * quotas.length
    return rooms
  })
}

function nothingOf({ subject, rates = [], quotas = [] }: Asked): Asked {
  return {
    subject,
    rates: rates.map((rate) => ({ ...rate, incUs: 0 })),
    quotas: quotas.map((quota) => ({ ...quota, amount: 0 })),
  }
}
