import { GatewayError } from '../errors.ts'
import type { FinishReply, Reservation, ReservationRef, ReserveCommand } from '../ledger/port.ts'
import type { GatewayContext } from './context.ts'
import { unlimitedCheck } from './credit-hold.ts'
import { abortForCertain } from './end-multipart.ts'
import { AGAIN_MS, lookAgain } from './look-again.ts'
import { isMade } from './open-multipart.ts'
import { placeOf } from './place-of.ts'
import { recovering } from './refusal.ts'
import { noteText, parseNote, type UploadNote, uploadNoteOf } from './reservation-note.ts'

/** A Create that was given up may still be on its way: so long the store gets for it. */
const FIRST_LOOK_MS = 60_000
/** Clocks of the store and the ledger may differ by this much when an upload was made. */
const SKEW_MS = 120_000
/**
 * Whatever was made beside a leftover has ended as well when this has passed after the end of the
 * upload itself: five minutes in which it could be made, twice the skew, and a margin.
 */
const GRACE_MS = 600_000

/** The reservation of parts that is, or was, to be made at the store. */
export type UnmadeReservation = Pick<
  Reservation,
  'partition' | 'rid' | 'fingerprint' | 'subjects' | 'expMs' | 'note'
>

/** Whether a watch is new; of one that was there before, when it began, in ledger time. */
export interface Watch {
  readonly isNew: boolean
  readonly sinceMs: number
}

/**
 * Records that the store may have made an upload for this reservation whose id nobody knows, so that
 * it is looked for when the reservation itself has long been released. Holds nothing of any limit.
 * `attempt` names it, from 0: a second watch of the same one is the first one. Throws
 * `LedgerUnavailable`.
 */
export async function watchLeftover(
  context: GatewayContext,
  { partition, rid, fingerprint, subjects, expMs }: UnmadeReservation,
  { replaces: _, overwrite: __, failures: ___, ...note }: UploadNote,
  attempt = 0,
): Promise<Watch> {
  const sinceMs = Math.floor(context.ledgerTime.nowMs())
  const leftover: UploadNote = { ...note, aborted: true, leftover: { sinceMs } }
  const owner = subjects.slice(0, 1)
  const hold = [0]
  const command: ReserveCommand = {
    op: 'R',
    partition,
    rid: watchId(rid, attempt),
    fingerprint,
    subjects: owner,
    hold,
    check: unlimitedCheck(hold, owner.length),
    deadlineMs: 0,
    ttlMs: Math.max(0, Math.ceil(expMs - sinceMs)) + GRACE_MS,
    lookMs: FIRST_LOOK_MS,
    note: noteText(leftover),
    replayable: true,
  }
  const reply = await context.ledger.admit(command)
  context.ledgerTime.learn(reply.nowMs)
  if (reply.code === 'OK') return { isNew: true, sinceMs }
  if (reply.code === 'FENCED') throw recovering('give up the upload')
  if (reply.code !== 'EXISTS') {
    throw new GatewayError('LedgerUnavailable', 'Cannot record an upload that was given up', {
      facts: { reply: reply.code },
    })
  }
  const { leftover: before } = parseNote(reply.note) as UploadNote
  return { isNew: false, sinceMs: before?.sinceMs ?? sinceMs }
}

/**
 * Gives back what was reserved for an upload that the store has not made, as far as anybody knows: no
 * URL has left, so it is free at once. Whatever the store has made all the same is looked for later.
 * Safe to repeat. Throws `LedgerUnavailable`.
 */
export async function giveUpUnmade(
  context: GatewayContext,
  reservation: UnmadeReservation,
  note: UploadNote,
): Promise<FinishReply> {
  await watchLeftover(context, reservation, note)
  await markGivenUp(context, reservation, note)
  const { partition, rid, fingerprint, subjects } = reservation
  // Without a note: should somebody have recorded the store's id in this moment, it is not lost.
  const reply = await context.ledger.finish({ op: 'V', partition, rid, fingerprint, subjects })
  context.ledgerTime.learn(reply.nowMs)
  if (reply.code === 'OK') await nameLeftover(context, reservation)
  return reply
}

/**
 * Marks it before it ends, so that no id of the store's is recorded in between that nobody would look
 * for after a crash. One that was recorded already is named to the watch, before the end as well.
 */
async function markGivenUp(
  context: GatewayContext,
  reservation: UnmadeReservation,
  note: UploadNote,
): Promise<void> {
  const { partition, rid, fingerprint, subjects } = reservation
  const aborted = { ...note, aborted: true as const }
  const reply = await context.ledger.finish({
    op: 'M',
    partition,
    rid,
    fingerprint,
    subjects,
    note: noteText(aborted),
    ifNote: reservation.note,
  })
  context.ledgerTime.learn(reply.nowMs)
  if (reply.code === 'EXISTS') await nameLeftover(context, reservation)
}

/** The store's id was recorded just before the end: URLs may be out, so it is aborted without delay. */
async function nameLeftover(
  context: GatewayContext,
  { partition, rid, fingerprint, subjects }: UnmadeReservation,
): Promise<void> {
  const ended = await context.ledger.find({ partition, rid })
  const note = ended === undefined ? undefined : uploadNoteOf(ended)
  const ref: ReservationRef = { partition, rid: watchId(rid, 0) }
  if (note === undefined || !isMade(note.multipart)) return
  const watch = await context.ledger.find(ref)
  const watched = watch === undefined ? undefined : uploadNoteOf(watch)
  if (watched === undefined) return
  await context.ledger.finish({
    op: 'M',
    ...ref,
    fingerprint,
    subjects: subjects.slice(0, 1),
    note: noteText({ ...watched, multipart: note.multipart }),
    lookMs: 0,
  })
}

/**
 * Looks for what the store has made of an upload that was given up, and aborts it. Which of the key's
 * uploads it is, nobody can tell from others that were made beside it and are in use: so it waits until
 * all of them have ended, and leaves alone what has parts. True when the watch is over.
 */
export async function lookAtLeftover(
  context: GatewayContext,
  reservation: Reservation,
  note: UploadNote,
  nowMs: number,
): Promise<boolean> {
  const place = placeOf(context, note)
  if (isMade(note.multipart)) {
    await abortForCertain(context, place, note.multipart.id)
  } else {
    const { storeClient } = context
    const { createdMs } = note
    const latestMs = (note.leftover?.sinceMs ?? createdMs) + SKEW_MS
    const leftovers = (await storeClient.listMultiparts(place)).filter(
      ({ initiatedMs }) => initiatedMs >= createdMs - SKEW_MS && initiatedMs <= latestMs,
    )
    if (leftovers.length > 0 && nowMs < reservation.expMs) {
      await lookAgain(context, reservation, reservation.expMs - nowMs + AGAIN_MS)
      return false
    }
    for (const { uploadId } of leftovers) {
      const parts = await storeClient.listParts(place, uploadId)
      if (parts?.length === 0) await storeClient.abortMultipart(place, uploadId)
    }
  }
  const { partition, rid, fingerprint, subjects } = reservation
  await context.ledger.finish({ op: 'V', partition, rid, fingerprint, subjects })
  return true
}

// No upload of anybody's: callers list those with `up_`.
function watchId(rid: string, attempt: number): string {
  return `mpu_${rid.slice(rid.indexOf('_') + 1)}_${attempt}`
}
