import { batchItems, otherRids } from '../batch-items.ts'
import type {
  AdmitReply,
  AmendCommand,
  FinishCommand,
  FinishReply,
  Hold,
  Reservation,
  ReservationRef,
  ReserveCommand,
} from '../port.ts'
import { MAX_AMOUNT } from '../port.ts'
import { pagesOf } from './canary-read.ts'
import { epochId, parseEpoch } from './epoch.ts'
import type { Journal, JournalEntry, Seen } from './journal.ts'
import { noAnswer } from './redis-node.ts'

/** Writes down what a reply makes this gateway answer for, before anybody is told of it. */
export interface JournalKeeper {
  /** Throws when it could not be written down: then there is no grant. */
  reserved(command: ReserveCommand, reply: AdmitReply, epoch: string): Promise<void>
  /** Throws when an amendment could not be written down; it may be repeated. */
  finished(command: FinishCommand, reply: FinishReply, epoch: string): Promise<void>
}

/** Notes of an entry that are remembered: an upload is amended once or twice. */
const EARLIER_NOTES = 3
/** Reservations of a batch that are read at once. */
const AT_ONCE = 64
const ENDS: ReadonlySet<string> = new Set(['S', 'V', 'X', 'G', 'L'])

/**
 * Keeps the journal of durability `async` in step with what this gateway has promised. `epoch`: the
 * canary's text that a command ran under, for the fence may know of a newer one when the reply comes.
 */
export function createJournalKeeper({
  journal,
  find,
}: {
  readonly journal: Journal
  /** Reads a reservation on the master. */
  readonly find: (ref: ReservationRef) => Promise<Reservation | undefined>
}): JournalKeeper {
  /** Somebody else reserved it, and may have failed before it was written down anywhere. */
  async function takeOver(
    ref: ReservationRef,
    seen: Seen,
    limitsOf: (hold: Hold) => readonly number[],
  ): Promise<void> {
    if (journal.find(ref.rid)?.epoch === seen.epoch) return
    const found = await find(ref)
    if (found === undefined) throw noAnswer('the reservation is gone since')
    await takeFound(found, seen, limitsOf)
  }

  async function takeFound(
    found: Reservation,
    seen: Seen,
    limitsOf: (hold: Hold) => readonly number[],
  ): Promise<void> {
    if (found.state !== 'P') return
    const { partition, rid, fingerprint, subjects, hold, expMs, note } = found
    const entry = { partition, rid, fingerprint, subjects, hold, expMs, note }
    await journal.record({ ...entry, limits: limitsOf(hold) }, seen)
  }

  /** Each stands for itself: the first may have ended, and others may be forgotten by now. */
  async function takeOverOthers(command: ReserveCommand, seen: Seen): Promise<void> {
    const { partition } = command
    const unknown = otherRids(command).filter((rid) => journal.find(rid)?.epoch !== seen.epoch)
    for (const rids of pagesOf(unknown, AT_ONCE)) {
      const found = await Promise.all(rids.map((rid) => find({ partition, rid })))
      const limitsOf = (hold: Hold) => limitsFor(hold, command)
      await Promise.all(found.map((one) => one && takeFound(one, seen, limitsOf)))
    }
  }

  async function amended(command: AmendCommand, seen: Seen): Promise<void> {
    const { rid, note, expMs } = command
    if (note === undefined && expMs === undefined) return
    const own = journal.find(rid)?.entry
    if (own !== undefined) await journal.record(amend(own, command), seen)
    // Its new end is promised to somebody by this gateway; a note alone is for its owner to keep.
    else if (expMs !== undefined) await takeOver(command, seen, unknownLimits)
  }

  return {
    async reserved(command, reply, epoch) {
      const seen = seenUnder(epoch, reply.nowMs)
      if (reply.code === 'OK') await journal.recordAll(entriesOf(command, reply.expMs), seen)
      if (reply.code !== 'EXISTS') return
      if (reply.state === 'P') {
        await takeOver(command, seen, (hold) => limitsFor(hold, command))
      }
      await takeOverOthers(command, seen)
    },
    async finished(command, reply, epoch) {
      const { op, rid } = command
      if (op === 'M' && reply.code === 'OK') {
        await amended(command, seenUnder(epoch, reply.nowMs))
      } else if (hasEnded(op, reply)) {
        // Losing this costs nothing: the ledger remembers the end for longer than the journal.
        journal.ended(rid, reply.nowMs).catch(() => {})
      }
    },
  }
}

/** The entries of what has just been reserved: one, or those of a batch. */
export function entriesOf(command: ReserveCommand, expMs: number): JournalEntry[] {
  const { partition, fingerprint } = command
  return batchItems(command).map(({ rid, hold, note, subjects = command.subjects }) => {
    const limits = limitsFor(hold, command)
    return { partition, fingerprint, subjects, limits, expMs, rid, hold, note }
  })
}

function amend(entry: JournalEntry, { note = entry.note, expMs = 0 }: AmendCommand): JournalEntry {
  const { earlierNotes = [] } = entry
  const earlier =
    note === entry.note ? earlierNotes : [...earlierNotes, entry.note].slice(-EARLIER_NOTES)
  return { ...entry, note, earlierNotes: earlier, expMs: Math.max(entry.expMs, expMs) }
}

function hasEnded(op: string, reply: FinishReply): boolean {
  if (reply.code === 'TERMINAL') return true
  if (reply.code === 'EXISTS') return reply.state !== 'P'
  return ENDS.has(op) && (reply.code === 'OK' || reply.code === 'DUP')
}

function seenUnder(text: string, nowMs: number): Seen {
  const epoch = parseEpoch(text)
  return { epoch: epoch === undefined ? '' : epochId(epoch), nowMs }
}

/** The limits in a check: behind the rates of each subject. */
function checked({ check, hold }: ReserveCommand): number[] {
  const limits: number[] = []
  let c = 2
  for (let h = 0; h < hold.length; ) {
    const quotas = hold[h] ?? 0
    c += 1 + 3 * (check[c] ?? 0)
    limits.push(...check.slice(c, c + quotas))
    c += quotas
    h += 1 + 4 * quotas
  }
  return limits
}

/** Those of a stored hold, which may be of another window, or of a plan that has changed since. */
function limitsFor(hold: Hold, command: ReserveCommand): readonly number[] {
  const ids = limitIds(hold)
  const same = String(ids) === String(limitIds(command.hold))
  return same ? checked(command) : unknownLimits(hold)
}

// Limits only tell of an overdraft: nothing is refused by them.
function unknownLimits(hold: Hold): readonly number[] {
  return limitIds(hold).map(() => MAX_AMOUNT)
}

function limitIds(hold: Hold): number[] {
  const ids: number[] = []
  for (let h = 0; h < hold.length; ) {
    const quotas = hold[h] ?? 0
    for (let entry = 0; entry < quotas; entry += 1) ids.push(hold[h + 1 + 4 * entry] ?? 0)
    h += 1 + 4 * quotas
  }
  return ids
}
