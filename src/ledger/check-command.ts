import { GatewayError } from '../errors.ts'
import {
  type Actual,
  type AdmitCommand,
  type BatchItem,
  type FinishCommand,
  KIND,
  MAX_AMOUNT,
  MAX_BATCH,
  MAX_BATCH_NOTE_BYTES,
  MAX_BATCH_SUBJECTS,
  MAX_NOTE_BYTES,
  MAX_SUBJECTS,
  type ReserveCommand,
} from './port.ts'

/** Numbers per entry of a hold: limit id, window, amount, kind. */
const ENTRY = 4
/** Where the amount of an entry is in its group, modulo `ENTRY`: a count stands before the entries. */
const AMOUNT = 3
/** Numbers per rate of a check: limit id, inc, tau. */
const RATE = 3
/** A cost or burst of a rate, in microseconds: costs above every burst are cut to this. */
const MAX_RATE_US = 2 ** 52
/** UTF-8 takes at most this many bytes for a unit of a JavaScript string. */
const MAX_BYTES_PER_UNIT = 3

/**
 * Refuses a command that no driver may store: one amount that is not a number would make its counter
 * compare false for ever, and let everything in. Throws `RangeError`: a fault of the program, never
 * of a caller. Only how much the notes of a batch come to is up to its caller: `InvalidRequest`.
 */
export function checkCommand(command: AdmitCommand | FinishCommand): void {
  const { subjects } = command
  const isBatch = command.op === 'R' && command.each !== undefined
  const most = isBatch ? MAX_BATCH_SUBJECTS : MAX_SUBJECTS
  must(subjects.length > 0 && subjects.length <= most, 'subjects')
  if ('note' in command && command.note !== undefined) checkNote(command.note)
  if ('lookMs' in command && command.lookMs !== undefined) mustBeAmount(command.lookMs, 'lookMs')
  if ('expMs' in command && command.expMs !== undefined) mustBeAmount(command.expMs, 'expMs')
  if ('actualBytes' in command) checkActual(command)
  switch (command.op) {
    case 'R':
    case 'Q':
    case 'C':
      checkAdmission(command)
      break
    case 'L':
    case 'A': {
      const entries = checkHold(command.hold, subjects.length)
      must(command.limits.length === entries, 'limits')
      for (const limit of command.limits) mustBeAmount(limit, 'limits')
      break
    }
    default:
  }
}

function checkAdmission(command: AdmitCommand): void {
  const { check, hold, op, subjects } = command
  checkHold(hold, subjects.length)
  mustBeWhole(command.deadlineMs, 'deadlineMs')
  if (op === 'R') mustBeAmount(command.ttlMs, 'ttlMs')
  if (op === 'R' && command.each !== undefined) checkBatch(command, command.each)
  for (const number of check) mustBeWhole(number, 'check')
  let c = 2
  let h = 0
  for (let subject = 0; subject < subjects.length; subject += 1) {
    const rates = check[c] ?? 0
    // A time that is no exact number once this is added to it would be kept for ever.
    for (let at = c + 1; at < c + 1 + rates * RATE; at += RATE) {
      mustBeWhole(check[at + 1], 'check')
      mustBeWhole(check[at + 2], 'check')
      must(Math.max(check[at + 1] ?? 0, check[at + 2] ?? 0) <= MAX_RATE_US, 'check')
    }
    c += 1 + rates * RATE
    const entries = hold[h] ?? 0
    for (let at = h + 1; at < h + 1 + entries * ENTRY; at += ENTRY, c += 1) {
      mustBeAmount(check[c], 'check')
      // A charge keeps no record, so nothing could ever give another kind back.
      must(op !== 'C' || hold[at + 3] === KIND.request || hold[at + 2] === 0, 'charge')
    }
    h += 1 + entries * ENTRY
  }
  must(c === check.length, 'check')
}

function checkBatch(command: ReserveCommand, each: readonly BatchItem[]): void {
  const { hold, rid } = command
  must(each.length <= MAX_BATCH && each[0]?.rid === rid, 'each')
  must(new Set(each.map((item) => item.rid)).size === each.length, 'each')
  const starts = startsOf(hold)
  // Only ever less: past what is exact it does not come back to 0.
  const left = [...hold]
  for (const item of each) {
    checkNote(item.note)
    takeShare(item, { command, starts, left })
  }
  for (const start of starts) {
    const end = start + 1 + (hold[start] ?? 0) * ENTRY
    for (let entry = start + 1; entry < end; entry += ENTRY) must(left[entry + 2] === 0, 'each')
  }
  checkNotes(each)
}

interface Shared {
  readonly command: ReserveCommand
  /** Where the group of each subject begins in the command's hold. */
  readonly starts: readonly number[]
  /** The command's hold, less what items have taken so far. */
  readonly left: number[]
}

/** Takes an item's part of the hold off what is left of it. */
function takeShare(item: BatchItem, { command, starts, left }: Shared): void {
  const { subjects: all, hold } = command
  const { subjects = all } = item
  must(subjects.length <= MAX_SUBJECTS && subjects[0] === all[0], 'each')
  let at = 0
  let from = 0
  for (const subject of subjects) {
    const place = all.indexOf(subject, from)
    must(place >= 0, 'each')
    from = place + 1
    const start = starts[place] ?? 0
    const numbers = 1 + (hold[start] ?? 0) * ENTRY
    for (let offset = 0; offset < numbers; offset += 1) {
      const number = item.hold[at + offset]
      if (offset % ENTRY === AMOUNT) {
        mustBeAmount(number, 'each')
        left[start + offset] = (left[start + offset] ?? 0) - (number ?? 0)
      } else must(number === hold[start + offset], 'each')
    }
    at += numbers
  }
  must(at === item.hold.length, 'each')
}

function startsOf(hold: readonly number[]): readonly number[] {
  const starts: number[] = []
  for (let at = 0; at < hold.length; at += 1 + (hold[at] ?? 0) * ENTRY) starts.push(at)
  return starts
}

function checkNotes(each: readonly BatchItem[]): void {
  const most = each.reduce((sum, { note }) => sum + note.length * MAX_BYTES_PER_UNIT, 0)
  if (most <= MAX_BATCH_NOTE_BYTES) return
  const bytes = each.reduce((sum, { note }) => sum + bytesIn(note), 0)
  if (bytes <= MAX_BATCH_NOTE_BYTES) return
  throw new GatewayError(
    'InvalidRequest',
    `Cannot reserve ${each.length} uploads at once: their keys and other texts take ${bytes} bytes, of ${MAX_BATCH_NOTE_BYTES} at most`,
  )
}

/** Returns the number of entries. */
function checkHold(hold: readonly number[], subjects: number): number {
  let at = 0
  let entries = 0
  for (let subject = 0; subject < subjects; subject += 1) {
    const count = hold[at]
    mustBeWhole(count, 'hold')
    const end = at + 1 + (count ?? 0) * ENTRY
    for (at += 1; at < end; at += ENTRY) {
      mustBeWhole(hold[at], 'hold')
      mustBeWhole(hold[at + 1], 'hold')
      mustBeAmount(hold[at + 2], 'hold')
      const kind = hold[at + 3]
      mustBeWhole(kind, 'hold')
      must((kind ?? 0) <= KIND.objects, 'hold')
      entries += 1
    }
  }
  must(at === hold.length, 'hold')
  return entries
}

function checkActual({ actualBytes, storedDelta, objectsDelta }: Actual): void {
  mustBeAmount(actualBytes, 'actualBytes')
  mustBeAmount(Math.abs(storedDelta), 'storedDelta')
  mustBeAmount(Math.abs(objectsDelta), 'objectsDelta')
}

function checkNote(note: string): void {
  if (note.length * MAX_BYTES_PER_UNIT <= MAX_NOTE_BYTES) return
  must(bytesIn(note) <= MAX_NOTE_BYTES, 'note')
}

function bytesIn(text: string): number {
  return new TextEncoder().encode(text).length
}

function mustBeWhole(value: number | undefined, what: string): void {
  must(Number.isSafeInteger(value) && (value ?? -1) >= 0, what)
}

function mustBeAmount(value: number | undefined, what: string): void {
  mustBeWhole(value, what)
  must((value ?? 0) <= MAX_AMOUNT, what)
}

function must(holds: boolean, what: string): void {
  if (!holds) throw new RangeError(`Cannot take a ledger command: bad "${what}"`)
}
