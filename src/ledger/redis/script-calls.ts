import { otherRids } from '../batch-items.ts'
import type { AdmitCommand, ClaimRequest, FinishCommand } from '../port.ts'
import { packNumbers, packRecordBody, packRecordTail } from './codec.ts'
import { epochKey, indexKey, recordKey, subjectKey } from './keys.ts'
import type { RedisArgument } from './redis-link.ts'

/** Keys and arguments of one run of a script. */
export interface ScriptCall {
  readonly keys: readonly string[]
  readonly args: readonly RedisArgument[]
}

const NOTHING = new Uint8Array()

/** `reserve` with its epoch: see `scripts/reserve-lua.ts` for the places. */
export function admitCall(command: AdmitCommand, epoch: string): ScriptCall {
  const { op, partition, subjects, hold, check, deadlineMs } = command
  const { rid, fingerprint, ttlMs, lookMs } = command.op === 'R' ? command : NO_RECORD
  const keys = keysOf(partition, rid, subjects)
  for (const other of otherRids(command)) keys.push(recordKey(partition, other))
  const each = (command.op === 'R' && command.each) || []
  return {
    keys,
    args: [
      op,
      rid,
      fingerprint,
      epoch,
      packNumbers(hold),
      packNumbers([deadlineMs, ttlMs, lookMs, ...check]),
      command.op === 'R' && each.length === 0 ? packRecordBody(command) : NOTHING,
      ...each.map((item) => packRecordTail({ fingerprint, subjects, ...item })),
    ],
  }
}

// A look and a charge have no record: its key is one that nobody writes.
const NO_RECORD = { rid: '', fingerprint: '', ttlMs: 0, lookMs: 0 }

/** `finish` with its epoch: see `scripts/finish-lua.ts` for the places. */
export function finishCall(
  command: FinishCommand,
  { epoch, retentionMs }: { readonly epoch: string; readonly retentionMs: number },
): ScriptCall {
  const { op, partition, rid, fingerprint, subjects } = command
  const landed = 'actualBytes' in command ? command : NOTHING_LANDED
  const carried = 'hold' in command ? command : undefined
  return {
    keys: keysOf(partition, rid, subjects),
    args: [
      op,
      rid,
      fingerprint,
      epoch,
      ('lookMs' in command ? command.lookMs : undefined) ?? '',
      ('expMs' in command ? command.expMs : undefined) ?? '',
      landed.actualBytes,
      landed.storedDelta,
      landed.objectsDelta,
      command.note ?? '',
      command.note === undefined ? '0' : '1',
      carried === undefined ? NOTHING : packNumbers(carried.hold),
      carried === undefined ? NOTHING : packNumbers(carried.limits),
      retentionMs,
      command.op === 'A' ? packRecordBody(command) : NOTHING,
      (command.op === 'M' ? command.ifNote : undefined) ?? '',
    ],
  }
}

const NOTHING_LANDED = { actualBytes: 0, storedDelta: 0, objectsDelta: 0 }

/** `claim` with its epoch. */
export function claimCall({ partition, limit, leaseMs }: ClaimRequest, epoch: string): ScriptCall {
  return { keys: [indexKey(partition), epochKey(partition)], args: [epoch, limit, leaseMs] }
}

function keysOf(partition: number, rid: string, subjects: readonly string[]): string[] {
  const named = subjects.map((subject) => subjectKey(partition, subject))
  return [indexKey(partition), epochKey(partition), recordKey(partition, rid), ...named]
}
