import { GatewayError } from '../errors.ts'
import type { Reservation, ReserveCommand } from '../ledger/port.ts'
import type { ObjectPlace } from '../stores/store-client.ts'
import type { GatewayContext } from './context.ts'
import { creditDigest, creditHold, creditId, unlimitedCheck } from './credit-hold.ts'
import { ownTicket } from './own-ticket.ts'
import { type ChargedObject, type DeleteNote, noteText } from './reservation-note.ts'

/** A little past the last possible byte, so that the first look already finds the truth. */
const LOOK_MARGIN_MS = 5_000
/** What a store's clock may be behind when it does not tell. */
const UNDATED_MS = 60_000

/** A recorded credit, and the ledger's own time when it was looked at. */
export interface Credit {
  readonly reservation: Reservation
  readonly note: DeleteNote
  readonly nowMs: number
}

/** A credit that was just recorded, or was there before. */
export interface ReservedCredit extends Credit {
  /** Certainly recorded by this call. */
  readonly isNew: boolean
}

/**
 * Records that an object's bytes are to be credited to those who were charged for it, once, whoever
 * removes it and however often. Comes before the object goes, so that a crash in between forgets
 * nothing. Throws `LedgerUnavailable`.
 */
export async function reserveCredit(
  context: GatewayContext,
  where: { readonly tenant: string; readonly bucket: string; readonly place: ObjectPlace },
  object: ChargedObject,
): Promise<ReservedCredit> {
  const { placement, key } = where.place
  const { store } = placement
  const digest = creditDigest(context, where.place, object.rid)
  const nowMs = context.ledgerTime.nowMs()
  const deadAtMs = object.urlExpMs + store.maxTransferSeconds * 1000
  const note: DeleteNote = {
    kind: 'delete',
    tenant: where.tenant,
    bucket: where.bucket,
    place: [store.name, placement.bucket, placement.prefix],
    key: key.text,
    sizeBytes: object.sizeBytes,
    uploadId: object.rid,
    deadAtMs,
  }
  const waitMs = Math.max(0, Math.ceil(deadAtMs - nowMs)) + LOOK_MARGIN_MS
  const hold = creditHold(object)
  const command: ReserveCommand = {
    op: 'R',
    partition: object.partition,
    rid: creditId(digest),
    fingerprint: digest,
    subjects: object.subjects,
    hold,
    check: unlimitedCheck(hold, object.subjects.length),
    deadlineMs: 0,
    ttlMs: waitMs,
    lookMs: waitMs,
    note: noteText(note),
    // The id comes from the object: another gateway may be about to remove it for the same credit.
    replayable: true,
  }
  const reply = await context.ledger.admit(command)
  context.ledgerTime.learn(reply.nowMs)
  if (reply.code !== 'OK' && reply.code !== 'EXISTS') {
    throw new GatewayError('LedgerUnavailable', 'Cannot record the credit of an object', {
      facts: { reply: reply.code },
    })
  }
  const { partition, rid, fingerprint, subjects } = command
  const state = reply.code === 'EXISTS' ? reply.state : 'P'
  const reservation = { partition, rid, fingerprint, state, hold, subjects, over: 0, actual: -1 }
  const expMs = nowMs + waitMs
  const isNew = reply.code === 'OK'
  const { nowMs: atMs } = reply
  return { reservation: { ...reservation, expMs, note: command.note }, note, nowMs: atMs, isNew }
}

/** Credits an object that is gone, when that is for good already; else the sweeper does later. */
export async function postCreditIfDead(
  context: GatewayContext,
  credit: Credit,
  place: ObjectPlace,
): Promise<void> {
  if (credit.note.deadAtMs <= credit.nowMs) await postCredit(context, credit, place)
}

/**
 * Credits an object, when it is really gone for good: by the store's own clock, which judges the
 * object's URL, as for a release. One that is (still or again) there, with the same ticket, stays
 * charged. `nowMs` is the ledger's time, or earlier: it stands in for a store that sends no `Date`.
 * Returns whether the credit was posted.
 */
export async function postCredit(
  context: GatewayContext,
  { reservation, note, nowMs }: Credit,
  place: ObjectPlace,
): Promise<boolean> {
  const head = await context.storeClient.head(place)
  if ((head.storeNowMs ?? nowMs - UNDATED_MS) < note.deadAtMs) return false
  if (head.found && ownTicket(context, place, head)?.rid === note.uploadId) return false
  const { partition, rid, fingerprint, subjects } = reservation
  const reply = await context.ledger.finish({
    op: 'S',
    partition,
    rid,
    fingerprint,
    subjects,
    actualBytes: 0,
    storedDelta: -note.sizeBytes,
    objectsDelta: -1,
    note: noteText({ ...note, postedMs: Math.floor(context.ledgerTime.nowMs()) }),
  })
  context.ledgerTime.learn(reply.nowMs)
  if (reply.code === 'CORRUPT' || reply.code === 'CONFLICT') {
    context.telemetry.ledgerAlarmed({ op: 'credit', code: reply.code })
    context.log.error('ledger.alarm', { op: 'credit', code: reply.code, rid })
  }
  return reply.code === 'OK' || reply.code === 'DUP'
}
