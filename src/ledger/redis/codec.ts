import { decodeMulti } from '@msgpack/msgpack'
import type { LedgerRecord } from '../decision.ts'
import type { ReservationState, SubjectState } from '../port.ts'
import { flawOfCounters } from '../readable.ts'
import { packStream } from './msgpack-stream.ts'

const SCHEMA = 1
const STATES: ReadonlySet<unknown> = new Set(['P', 'S', 'V', 'X', 'D'])
const utf8 = new TextDecoder('utf-8', { fatal: true })

/** A stored value that is not what this ledger writes; `message` says what is wrong with it. */
export class UnreadableValue extends Error {}

/** Numbers of an argument or a value, as scripts unpack them. */
export const packNumbers: (values: readonly number[]) => Uint8Array = packStream

/**
 * What a new record is made of between its `exp` and its hold; the script puts the rest around it. A
 * record is the stream `1, state, exp, actual, over, fingerprint, note, n, subject × n, hold…`.
 */
export function packRecordBody({
  fingerprint,
  note,
  subjects,
}: Pick<LedgerRecord, 'fingerprint' | 'note' | 'subjects'>): Uint8Array {
  return packStream([-1, 0, fingerprint, note, subjects.length, ...subjects])
}

/** The same with its hold behind it: all of a new record but its head. */
export function packRecordTail({
  fingerprint,
  hold,
  note,
  subjects,
}: Pick<LedgerRecord, 'fingerprint' | 'hold' | 'note' | 'subjects'>): Uint8Array {
  return packStream([-1, 0, fingerprint, note, subjects.length, ...subjects, ...hold])
}

/** A subject's state that scripts decide on: without counters below zero. Throws `UnreadableValue`. */
export function unpackUsableSubject(bytes: Uint8Array): SubjectState {
  const state = unpackSubject(bytes)
  const flaw = flawOfCounters(state)
  if (flaw !== undefined) throw new UnreadableValue(flaw)
  return state
}

/** A subject's state, as the auditor reads it. Throws `UnreadableValue`. */
export function unpackSubject(bytes: Uint8Array): SubjectState {
  const state = unpack(bytes).map(numberOf)
  const rates = state[1] ?? -1
  const quotas = state.length - 2 - 2 * rates
  if (state[0] !== SCHEMA) throw new UnreadableValue('is of an unknown schema')
  if (rates < 0 || quotas < 0 || quotas % 4 !== 0) throw new UnreadableValue('has a wrong length')
  return state
}

/** A record. Throws `UnreadableValue`. */
export function unpackRecord(bytes: Uint8Array): LedgerRecord {
  const [schema, state, expMs, actual, over, fingerprint, note, count, ...rest] = unpack(bytes)
  if (schema !== SCHEMA) throw new UnreadableValue('is of an unknown schema')
  const stateText = textOf(state)
  if (!STATES.has(stateText)) throw new UnreadableValue('has an unknown state')
  const subjects = numberOf(count)
  if (subjects < 0 || subjects > rest.length) throw new UnreadableValue('has a wrong length')
  return {
    state: stateText as ReservationState,
    fingerprint: textOf(fingerprint),
    expMs: numberOf(expMs),
    hold: rest.slice(subjects).map(numberOf),
    subjects: rest.slice(0, subjects).map(textOf),
    note: textOf(note),
    actual: numberOf(actual),
    over: numberOf(over),
  }
}

// Texts stay bytes, so that what is no UTF-8 is noticed.
function unpack(bytes: Uint8Array): unknown[] {
  try {
    return [...decodeMulti(bytes, { rawStrings: true })]
  } catch (cause) {
    throw new UnreadableValue('is no msgpack', { cause })
  }
}

function numberOf(value: unknown): number {
  if (!Number.isSafeInteger(value)) throw new UnreadableValue('holds something else than integers')
  return value as number
}

function textOf(value: unknown): string {
  if (!(value instanceof Uint8Array)) throw new UnreadableValue('holds something else than text')
  try {
    return utf8.decode(value)
  } catch (cause) {
    throw new UnreadableValue('holds text that is no UTF-8', { cause })
  }
}
