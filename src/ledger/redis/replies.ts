import type { AdmitReply, FinishReply, ReservationState } from '../port.ts'

type Parts = readonly unknown[]

/** The reply of `reserve` as the port has it. Throws `RangeError` for anything else. */
export function admitReplyOf(raw: unknown): AdmitReply {
  const { code, nowMs, parts } = open(raw)
  switch (code) {
    case 'OK':
      return { code, nowMs, expMs: parts[0] as number, levels: parts[1] as number[] }
    case 'DENIED':
      return { code, nowMs, denied: parts[0] as number[], levels: parts[1] as number[] }
    case 'EXISTS':
      return { code, nowMs, ...standing(parts) }
    case 'CONFLICT':
      return { code, nowMs, state: parts[0] as ReservationState }
    case 'STALE':
    case 'PERIOD':
      return { code, nowMs }
    case 'FENCED':
      return { code, nowMs, epoch: String(parts[0]) }
    default:
      throw unexpected(code)
  }
}

/** The reply of `finish` as the port has it. Throws `RangeError` for anything else. */
export function finishReplyOf(raw: unknown): FinishReply {
  const { code, nowMs, parts } = open(raw)
  switch (code) {
    case 'OK':
      return { code, nowMs, over: parts[0] as number }
    case 'DUP':
    case 'TERMINAL':
    case 'EXISTS':
      return { code, nowMs, ...standing(parts) }
    case 'DENIED':
      return { code, nowMs, denied: parts[0] as number[] }
    case 'EARLY':
      return { code, nowMs, expMs: parts[0] as number }
    case 'UNKNOWN':
      return { code, nowMs }
    case 'CONFLICT':
      return { code, nowMs, state: parts[0] as ReservationState }
    case 'CORRUPT':
      return { code, nowMs, position: parts[0] as number }
    case 'FENCED':
      return { code, nowMs, epoch: String(parts[0]) }
    default:
      throw unexpected(code)
  }
}

function open(raw: unknown): { code: string; nowMs: number; parts: Parts } {
  if (!Array.isArray(raw) || typeof raw[0] !== 'string' || !Number.isSafeInteger(raw[1])) {
    throw unexpected(raw)
  }
  const [code, nowMs, ...parts] = raw
  return { code, nowMs, parts }
}

function standing([state, expMs, actual, note]: Parts) {
  return {
    state: state as ReservationState,
    expMs: expMs as number,
    actual: actual as number,
    note: note as string,
  }
}

function unexpected(what: unknown): RangeError {
  return new RangeError(`Cannot read a reply of the ledger: ${JSON.stringify(what)?.slice(0, 100)}`)
}
