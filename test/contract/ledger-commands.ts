import { type FinishCommand, KIND, type ReserveCommand } from '../../src/ledger/port.ts'

/** Where the clock of a ledger under test begins: 2026-01-15T12:00:00Z. */
export const START_MS = Date.UTC(2026, 0, 15, 12)
/** Positions of the quotas in the hold of `wanted`, as CORRUPT counts them. */
export const LIMIT = { bytes: 1, stored: 2 } as const

const [RATE_ID, BYTES_ID, STORED_ID] = [11, 21, 22]
const WINDOW = START_MS / 60_000
const RATE_US = 1_000_000

export interface Wanted {
  readonly rid?: string
  readonly user?: string
  /** Default 0. */
  readonly bytes?: number
  /** Limit of the bytes in the window; the stored total has none. Default 1,000. */
  readonly limit?: number
  /** Of a rate of one a second. Default 100. */
  readonly burst?: number
  readonly ttlMs?: number
  readonly lookMs?: number
  readonly from?: number
  readonly until?: number
}

/** A reservation of one user: one rate, bytes in an hour, bytes at rest. */
export function wanted(options: Wanted = {}): ReserveCommand {
  const { rid = 'up_1', user = 'u-alice', bytes = 0, limit = 1_000, burst = 100 } = options
  const { ttlMs = 10_000, lookMs = 5_000, from = 0, until = Number.MAX_SAFE_INTEGER } = options
  return {
    op: 'R',
    partition: 0,
    rid,
    fingerprint: `fp of ${rid}`,
    subjects: [user],
    hold: [2, BYTES_ID, WINDOW, bytes, KIND.bytes, STORED_ID, 0, bytes, KIND.stored],
    check: [from, until, 1, RATE_ID, RATE_US, RATE_US * burst, limit, 2 ** 50],
    deadlineMs: 0,
    ttlMs,
    lookMs,
    note: `{"rid":"${rid}"}`,
  }
}

/** What ends or changes a reservation; `size` is the object's, all of it new. */
export function finishOf(
  reserve: ReserveCommand,
  op: FinishCommand['op'],
  size = 0,
): FinishCommand {
  const { partition, rid, fingerprint, subjects, hold, check, note } = reserve
  const common = { partition, rid, fingerprint, subjects }
  const actual = { actualBytes: size, storedDelta: size, objectsDelta: 0 }
  const limits = check.slice(-2)
  switch (op) {
    case 'S':
      return { ...common, ...actual, op }
    case 'L':
      return { ...common, ...actual, op, hold, limits, lookMs: 1_000, note }
    case 'A':
      return { ...common, op, hold, limits, expMs: START_MS + 10_000, lookMs: 1_000, note }
    default:
      return { ...common, op }
  }
}
