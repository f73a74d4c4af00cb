import { decode, Encoder } from '@msgpack/msgpack'
import type { LedgerRecord } from '../decision.ts'
import type { ReservationState, SubjectState } from '../port.ts'

const SCHEMA = 1
const STATES: ReadonlySet<unknown> = new Set(['P', 'S', 'V', 'X', 'D'])
const encoder = new Encoder()
const utf8 = new TextDecoder('utf-8', { fatal: true })

/** A stored value that is not what this ledger writes; `message` says what is wrong with it. */
export class UnreadableValue extends Error {}

/** Flat msgpack, as scripts unpack it (msgpack specification, array and int formats). */
export function packNumbers(values: readonly number[]): Uint8Array {
  return encoder.encode(values)
}

/** A subject's state. Throws `UnreadableValue`. */
export function unpackSubject(bytes: Uint8Array): SubjectState {
  const state = numbersIn(unpack(bytes))
  const rates = state[1] ?? -1
  const quotas = state.length - 2 - 2 * rates
  if (state[0] !== SCHEMA) throw new UnreadableValue('is of an unknown schema')
  if (rates < 0 || quotas < 0 || quotas % 4 !== 0) throw new UnreadableValue('has a wrong length')
  return state
}

/** A record. Throws `UnreadableValue`. */
export function unpackRecord(bytes: Uint8Array): LedgerRecord {
  const parts = unpack(bytes)
  if (!Array.isArray(parts)) throw new UnreadableValue('is no array')
  const [schema, state, fingerprint, expMs, hold, note, actual, over, ...subjects] = parts
  if (schema !== SCHEMA) throw new UnreadableValue('is of an unknown schema')
  const stateText = textOf(state)
  if (!STATES.has(stateText)) throw new UnreadableValue('has an unknown state')
  const held = hold instanceof Uint8Array && hold.length > 0 ? numbersIn(unpack(hold)) : []
  return {
    state: stateText as ReservationState,
    fingerprint: textOf(fingerprint),
    expMs: numberOf(expMs),
    hold: held,
    subjects: subjects.map(textOf),
    note: textOf(note),
    actual: numberOf(actual),
    over: numberOf(over),
  }
}

// Strings stay bytes until somebody knows whether they are text: a hold is none.
function unpack(bytes: Uint8Array): unknown {
  try {
    return decode(bytes, { rawStrings: true })
  } catch (cause) {
    throw new UnreadableValue('is no msgpack', { cause })
  }
}

function numbersIn(value: unknown): number[] {
  if (!Array.isArray(value)) throw new UnreadableValue('is no array')
  return value.map(numberOf)
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
