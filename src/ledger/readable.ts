import { GatewayError } from '../errors.ts'
import type { LedgerRecord } from './decision.ts'
import { KIND, MAX_SUBJECTS, type SubjectState } from './port.ts'

const SCHEMA = 1
const HEADER = 2
const RATE = 2
const ENTRY = 4
const STATES = ['P', 'S', 'V', 'X', 'D']

/**
 * Why a stored subject cannot be read; `undefined` when it can. A counter below zero can: it is the
 * auditor's to report, and `flawOfCounters` keeps decisions from it. `undefined` stands for bytes that
 * cannot be decoded.
 */
export function flawOfSubject(value: unknown): string | undefined {
  if (value === undefined) return 'cannot be decoded'
  if (!Array.isArray(value)) return 'is no list of numbers'
  if (value[0] !== SCHEMA) return 'has a schema that is not known'
  for (let at = 1; at < value.length; at += 1) {
    if (!Number.isSafeInteger(value[at])) return `has no whole number at position ${at}`
  }
  const rates = value[1]
  const entries = value.length - HEADER - RATE * rates
  if (!(rates >= 0) || entries < 0 || entries % ENTRY !== 0) return 'has the wrong length'
  return undefined
}

/**
 * Why nothing may be decided on a subject that can be read; `undefined` when it may. A counter below
 * zero would let more in than its limit, and one whose sum is no exact number would not be counted on.
 */
export function flawOfCounters(state: SubjectState): string | undefined {
  const below = state.findIndex((value) => value < 0)
  if (below >= 0) return `has a number below zero at position ${below}`
  for (let at = HEADER + RATE * (state[1] ?? 0); at < state.length; at += ENTRY) {
    const used = (state[at + 2] ?? 0) + (state[at + 3] ?? 0)
    if (!Number.isSafeInteger(used)) return `has a counter out of range at position ${at + 2}`
  }
  return undefined
}

/** Why a stored record cannot be used; `undefined` when it can. The note is not looked into. */
export function flawOfRecord(value: unknown): string | undefined {
  if (value === undefined) return 'cannot be decoded'
  if (typeof value !== 'object' || value === null) return 'is no record'
  const { state, fingerprint, expMs, hold, subjects, note, actual, over } =
    value as Partial<LedgerRecord>
  if (!STATES.includes(state as string)) return 'has a state that is not known'
  if (typeof fingerprint !== 'string' || typeof note !== 'string') return 'has no text'
  for (const number of [expMs, actual, over]) {
    if (!Number.isSafeInteger(number)) return 'has no whole number'
  }
  if (!Array.isArray(subjects) || subjects.length > MAX_SUBJECTS) return 'names no subjects'
  if (subjects.some((subject) => typeof subject !== 'string')) return 'names no subjects'
  if (!Array.isArray(hold)) return 'has no hold'
  if (state !== 'P') return undefined
  return isHold(hold, subjects.length) ? undefined : 'has a hold that does not fit its subjects'
}

function isHold(hold: readonly unknown[], subjects: number): boolean {
  if (hold.some((number) => !Number.isSafeInteger(number) || Number(number) < 0)) return false
  let at = 0
  for (let subject = 0; subject < subjects; subject += 1) {
    const entries = Number(hold[at] ?? Number.NaN)
    for (let entry = 0; entry < entries && at < hold.length; entry += 1) {
      if (Number(hold[at + ENTRY]) > KIND.objects) return false
      at += ENTRY
    }
    at += 1
  }
  return at === hold.length
}

/** JSON as a value; `undefined` for any other text. */
export function decoded(text: unknown): unknown {
  try {
    return JSON.parse(String(text))
  } catch {
    return undefined
  }
}

/** The state, when it can be decided on. Throws `LedgerUnavailable` with the value's name for the log. */
export function readableState(name: string, value: unknown): SubjectState {
  const flaw = flawOfSubject(value) ?? flawOfCounters(value as SubjectState)
  if (flaw !== undefined) throw unreadable(name, flaw)
  return value as SubjectState
}

/** The record, when it can be used. Throws likewise. */
export function readableRecord<R extends LedgerRecord>(name: string, value: R): R {
  const flaw = flawOfRecord(value)
  if (flaw !== undefined) throw unreadable(name, flaw)
  return value
}

/** The error for a stored value that cannot be used: refused, and left as it is. */
export function unreadable(name: string, reason: string): GatewayError {
  return new GatewayError('LedgerUnavailable', 'Cannot decide: a stored value is unreadable', {
    facts: { name, reason },
  })
}
