import type { Reservation } from '../ledger/port.ts'
import { endEvent, recordOrLog } from './audit-events.ts'
import type { GatewayContext } from './context.ts'
import { abortAtStore, lookWhenPartsAreOver } from './end-multipart.ts'
import { lastByteMs, mayStillCome } from './last-byte.ts'
import { giveUpUnmade, lookAtLeftover } from './leftover-multipart.ts'
import { AGAIN_MS, lookAgain } from './look-again.ts'
import { isMade } from './open-multipart.ts'
import { recovering } from './refusal.ts'
import { type UploadNote, urlExpiryMs } from './reservation-note.ts'
import { condemn, type Settlement, settle } from './settle.ts'

/** What came of one look at a reservation. */
export type Outcome = 'ended' | 'waiting' | 'failed'

/**
 * Looks once at an upload that is due: settles it, releases it, or says when to look again. Goes by the
 * ledger's time of the claim.
 */
export async function lookAtUpload(
  context: GatewayContext,
  reservation: Reservation,
  note: UploadNote,
  nowMs: number,
): Promise<Outcome> {
  if (reservation.state === 'D') {
    await condemn(context, reservation, note)
    return 'ended'
  }
  if (note.leftover !== undefined) {
    return (await lookAtLeftover(context, reservation, note, nowMs)) ? 'ended' : 'waiting'
  }
  const settlement = await settle(context, reservation, note, nowMs)
  if (settlement.how === 'seen') {
    return waitForLastByte(context, reservation, note, nowMs)
  }
  const gone = goneOf(settlement, note)
  if (gone === undefined) return 'ended'
  if (note.multipart !== undefined && reservation.state === 'P') {
    return lookAtParts(context, reservation, gone.note, nowMs)
  }
  if (mayStillCome(context, reservation, note, { nowMs, storeNowMs: gone.storeNowMs })) {
    return waitForLastByte(context, reservation, note, nowMs)
  }
  return release(context, reservation, gone.note)
}

/** What an upload that has no object (any more) is by now; `undefined` for one that has ended. */
function goneOf(
  settlement: Settlement,
  note: UploadNote,
): { readonly note: UploadNote; readonly storeNowMs: number | undefined } | undefined {
  if (settlement.how === 'absent') return { note, storeNowMs: settlement.storeNowMs }
  if (!('removed' in settlement)) return undefined
  return { note: settlement.note, storeNowMs: settlement.removed.storeNowMs }
}

/** Looks again when the URL or form has ended, and after that when nothing can come by it any more. */
async function waitForLastByte(
  context: GatewayContext,
  reservation: Reservation,
  note: UploadNote,
  nowMs: number,
): Promise<Outcome> {
  const urlExpMs = urlExpiryMs(reservation.expMs, note.afterUrlMs)
  const deadMs = Math.max(reservation.expMs, lastByteMs(context, reservation, note))
  const next = nowMs < urlExpMs && note.seen === undefined ? urlExpMs : deadMs
  await lookAgain(context, reservation, Math.max(0, next - nowMs) + AGAIN_MS)
  return 'waiting'
}

/**
 * An upload of parts that nobody has completed. It waits until its time is over, unless it was aborted
 * or the store has never made it; then it is aborted, and released when nothing can come of it any more.
 */
async function lookAtParts(
  context: GatewayContext,
  reservation: Reservation,
  note: UploadNote,
  nowMs: number,
): Promise<Outcome> {
  if (!isMade(note.multipart)) return release(context, reservation, { ...note, aborted: true })
  const endMs = urlExpiryMs(reservation.expMs, note.afterUrlMs)
  if (note.aborted !== true && nowMs < endMs) {
    await lookAgain(context, reservation, endMs - nowMs + AGAIN_MS)
    return 'waiting'
  }
  const outcome = await abortAtStore(context, reservation, note, nowMs)
  if (outcome === 'arrived') {
    await settle(context, reservation, note)
    return 'ended'
  }
  if (outcome === 'waiting') {
    await lookWhenPartsAreOver(context, reservation, note, nowMs)
    return 'waiting'
  }
  return release(context, reservation, note)
}

/** The object can no longer arrive: what was reserved is free again. */
async function release(
  context: GatewayContext,
  reservation: Reservation,
  note: UploadNote,
): Promise<Outcome> {
  const { partition, rid, fingerprint, subjects } = reservation
  const wasEndedBefore = note.aborted === true || note.rejected === true
  const op = wasEndedBefore ? 'V' : 'X'
  const isUnmade = note.multipart !== undefined && !isMade(note.multipart)
  const reply = isUnmade
    ? await giveUpUnmade(context, reservation, note)
    : await context.ledger.finish({ op, partition, rid, fingerprint, subjects })
  context.ledgerTime.learn(reply.nowMs)
  if (reply.code === 'FENCED') throw recovering('release the upload')
  if (reply.code === 'EARLY') {
    await lookAgain(context, reservation, reply.expMs - reply.nowMs + AGAIN_MS)
    return 'waiting'
  }
  if (reply.code === 'OK' && !wasEndedBefore) {
    context.telemetry.uploadEnded({ bucket: note.bucket, how: 'expired' })
    await recordOrLog(context, endEvent(context, 'upload.expired', note, rid))
  }
  if (reply.code === 'OK' && wasEndedBefore) {
    const how = note.rejected ? 'rejected' : 'aborted'
    context.telemetry.uploadEnded({ bucket: note.bucket, how })
  }
  if (reply.code === 'CORRUPT' || reply.code === 'CONFLICT') {
    context.telemetry.ledgerAlarmed({ op, code: reply.code })
    context.log.error('ledger.alarm', { op, code: reply.code, uploadId: rid })
    return 'failed'
  }
  return 'ended'
}
