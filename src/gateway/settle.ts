import { GatewayError } from '../errors.ts'
import type { Actual, FinishReply, Reservation } from '../ledger/port.ts'
import type { Ticket } from '../ledger/ticket.ts'
import type { HeadResult, ObjectPlace } from '../stores/store-client.ts'
import { endEvent, recordOrLog } from './audit-events.ts'
import type { GatewayContext } from './context.ts'
import { creditReplaced, postOrLeave } from './credit-replaced.ts'
import { currentLimits } from './current-limits.ts'
import { mayStillCome } from './last-byte.ts'
import { AGAIN_MS } from './look-again.ts'
import { ownTicket } from './own-ticket.ts'
import { placeOf } from './place-of.ts'
import { recordPlaced, recordRemoved } from './placed-record.ts'
import { changedMeanwhile, recovering } from './refusal.ts'
import { type Rejection, rejectionOf } from './rejection.ts'
import { noteText, parseNote, type UploadNote } from './reservation-note.ts'

/** Of a version, in characters, that a record keeps. */
const MAX_VERSION_ID = 256

type Found = Extract<HeadResult, { found: true }>

/** What a look at the store showed about an upload, and what came of it. */
export type Settlement =
  | { readonly how: 'settled'; readonly note: UploadNote; readonly sizeBytes: number }
  | { readonly how: 'rejected'; readonly note: UploadNote }
  /** Rejected and removed; pending until nothing can come any more by what was signed. */
  | {
      readonly how: 'rejected'
      readonly note: UploadNote
      readonly removed: { readonly storeNowMs: number | undefined }
    }
  /** There, and a form that is still alive can replace it: nothing is settled yet. */
  | { readonly how: 'seen'; readonly note: UploadNote; readonly sizeBytes: number }
  /** Nothing there that carries this upload's ticket, or not all of it yet. */
  | { readonly how: 'absent'; readonly storeNowMs: number | undefined }

/**
 * Turns a reservation into usage, if its object is there: HEAD is the truth, and only an object with
 * this reservation's own ticket counts. Safe to repeat, in any order with any other ending. `nowMs`:
 * the ledger's time of a sweeper's claim, which alone can tell that a form is dead. Throws
 * `StoreUnavailable`, `LedgerUnavailable`.
 */
export async function settle(
  context: GatewayContext,
  reservation: Reservation,
  note: UploadNote,
  nowMs?: number,
): Promise<Settlement> {
  const place = placeOf(context, note)
  const head = await context.storeClient.head(place)
  const ticket = head.found ? ownTicket(context, place, head) : undefined
  const replaced = await creditReplaced(context, reservation, note, {
    place,
    thereNow: ticket?.rid,
  })
  if (!head.found || ticket?.rid !== reservation.rid) {
    return { how: 'absent', storeNowMs: head.storeNowMs }
  }
  const mayBeReplaced = note.atMost === true && reservation.state === 'P' && note.rejected !== true
  if (mayBeReplaced && head.sizeBytes <= note.sizeBytes) {
    const { storeNowMs } = head
    const alive =
      nowMs === undefined || mayStillCome(context, reservation, note, { nowMs, storeNowMs })
    if (alive) {
      await recordPlaced(context, note, ticket)
      return seen(context, note, head)
    }
  }
  // A store may show the beginning of a body that is still coming (s3rver does): not an upload yet.
  const mayChange = context.ledgerTime.nowMs() < reservation.expMs
  const mayGrow = mayChange && note.atMost !== true && note.multipart === undefined
  if (head.sizeBytes < note.sizeBytes && mayGrow) {
    return { how: 'absent', storeNowMs: head.storeNowMs }
  }
  const found = { place, head, ticket }
  const rejection = await rejectionOf(context, reservation.rid, note, found)
  const settlement =
    rejection === undefined
      ? await record(context, reservation, note, found)
      : await reject(context, reservation, rejection, found)
  if (replaced !== undefined) await postOrLeave(context, replaced, place)
  return settlement
}

function seen(
  context: Pick<GatewayContext, 'ledgerTime'>,
  note: UploadNote,
  { sizeBytes, etag, ...head }: Found,
): Settlement {
  const atMs = Math.floor(context.ledgerTime.nowMs())
  const object = { sizeBytes, etag, ...shortVersion(head), atMs }
  return { how: 'seen', note: { ...note, seen: object }, sizeBytes }
}

/** A version as a record has room for it: all that are known are much shorter than S3 says they may be. */
function shortVersion({ versionId }: Pick<Found, 'versionId'>): { versionId?: string } {
  return versionId !== undefined && versionId.length <= MAX_VERSION_ID ? { versionId } : {}
}

/** An object that carries the reservation's own ticket. */
interface OwnObject {
  readonly place: ObjectPlace
  readonly head: Found
  readonly ticket: Ticket
}

async function record(
  context: GatewayContext,
  reservation: Reservation,
  note: UploadNote,
  { head, ticket, rejected }: OwnObject & { rejected?: true },
): Promise<Settlement> {
  const settled: UploadNote = {
    ...note,
    ...(rejected && { rejected }),
    etag: head.etag,
    ...shortVersion(head),
    settledMs: Math.floor(context.ledgerTime.nowMs()),
  }
  await recordPlaced(context, note, ticket)
  // All of it, also of an overwrite: what it replaced has a credit of its own, for its own owner.
  const { sizeBytes } = head
  const actual: Actual = { actualBytes: sizeBytes, storedDelta: sizeBytes, objectsDelta: 1 }
  const reply = await finishSettled(context, reservation, settled, actual, ticket)
  context.ledgerTime.learn(reply.nowMs)
  if (reply.code === 'OK') ended(context, settled, reservation.rid, head.sizeBytes)
  if (reply.code === 'DENIED' || ('note' in reply && reply.state === 'D')) {
    return condemn(context, reservation, settled)
  }
  if (isSettled(reply)) return asSettledBefore(reply)
  if (reply.code === 'FENCED') throw recovering('settle the upload')
  if (reply.code !== 'OK') {
    context.telemetry.ledgerAlarmed({ op: 'settle', code: reply.code })
    context.log.error('ledger.alarm', { op: 'settle', code: reply.code, uploadId: reservation.rid })
    throw new GatewayError('LedgerUnavailable', 'Cannot settle the upload: the ledger disagrees', {
      facts: { reply: reply.code },
    })
  }
  if (rejected) return { how: 'rejected', note: settled }
  return { how: 'settled', note: settled, sizeBytes: head.sizeBytes }
}

/** `S` while pending; an object that comes after its release is admitted by today's limits. */
async function finishSettled(
  context: GatewayContext,
  reservation: Reservation,
  note: UploadNote,
  actual: Actual,
  ticket: Ticket,
): Promise<FinishReply> {
  const { partition, rid, fingerprint } = reservation
  const common = {
    partition,
    rid,
    fingerprint,
    subjects: ticket.subjects,
    note: noteText(note),
    ...actual,
  }
  const reply = await context.ledger.finish({ op: 'S', ...common })
  const released = reply.code === 'TERMINAL' && (reply.state === 'V' || reply.state === 'X')
  if (!released && reply.code !== 'UNKNOWN') return reply
  return context.ledger.finish({
    op: 'L',
    ...common,
    hold: ticket.hold,
    limits: await currentLimits(context, note, { ...ticket, bytes: actual.storedDelta }),
    lookMs: 0,
  })
}

type Standing = Extract<FinishReply, { note: string }>

function isSettled(reply: FinishReply): reply is Standing {
  return 'note' in reply && reply.state === 'S'
}

/** Another one was faster: its record is the truth, so that repeating gives the same answer. */
function asSettledBefore({ note: text, actual }: Standing): Settlement {
  const note = parseNote(text) as UploadNote
  if (note.rejected === true) return { how: 'rejected', note }
  return { how: 'settled', note, sizeBytes: actual }
}

/** An object other than what was granted: recorded as it is, or removed where the bucket says so. */
async function reject(
  context: GatewayContext,
  reservation: Reservation,
  { note, rule }: Rejection,
  found: OwnObject,
): Promise<Settlement> {
  const { place, head } = found
  if (rule === 'keep') return record(context, reservation, note, { ...found, rejected: true })
  const { partition, rid, fingerprint } = reservation
  const rejected: UploadNote = { ...note, rejected: true }
  // Marked before anything is removed: what was signed may bring another object for as long as it
  // lives, and a sweeper looks after it until then, also for a gateway that goes away in between.
  const reply = await context.ledger.finish({
    op: 'M',
    partition,
    rid,
    fingerprint,
    subjects: found.ticket.subjects,
    note: noteText(rejected),
    ifNote: reservation.note,
    lookMs: AGAIN_MS,
  })
  context.ledgerTime.learn(reply.nowMs)
  if (reply.code === 'FENCED') throw recovering('reject the upload')
  if (reply.code === 'EXISTS') {
    const now = parseNote(reply.note) as UploadNote
    if (now.rejected !== true) throw changedMeanwhile('reject the upload', reply)
    // Another one was faster, and removes it.
    return { how: 'rejected', note: now }
  }
  if (isSettled(reply)) return asSettledBefore(reply)
  if (note.rejected !== true) {
    await recordOrLog(context, endEvent(context, 'upload.rejected', rejected, rid, head.sizeBytes))
  }
  // Another upload's object may have come since: it is not ours to remove.
  if (await holdsOwn(context, place, rid)) await context.storeClient.remove(place)
  await forgetPlaced(context, note)
  const after = await context.storeClient.head(place)
  if (after.found && ownTicket(context, place, after)?.rid === rid) {
    throw new GatewayError('StoreUnavailable', 'Cannot remove the object: it is still there')
  }
  if (reply.code === 'OK') {
    return { how: 'rejected', note: rejected, removed: { storeNowMs: after.storeNowMs } }
  }
  if (note.rejected !== true) {
    context.telemetry.uploadEnded({ bucket: note.bucket, how: 'rejected' })
  }
  return { how: 'rejected', note: rejected }
}

/** A late object without room: it is removed, and only then forgotten. Never another's object. */
export async function condemn(
  context: GatewayContext,
  reservation: Reservation,
  note: UploadNote,
): Promise<Settlement> {
  const place = placeOf(context, note)
  if (await holdsOwn(context, place, reservation.rid)) await context.storeClient.remove(place)
  await forgetPlaced(context, note)
  const rejected: UploadNote = { ...note, rejected: true }
  if (!(await holdsOwn(context, place, reservation.rid))) {
    const { partition, rid, fingerprint, subjects } = reservation
    await context.ledger.finish({
      op: 'G',
      partition,
      rid,
      fingerprint,
      subjects,
      note: noteText(rejected),
    })
    context.telemetry.uploadEnded({ bucket: note.bucket, how: 'rejected' })
    await recordOrLog(context, endEvent(context, 'upload.rejected', rejected, reservation.rid))
  }
  return { how: 'rejected', note: rejected }
}

/** Whether the object at a place is the one of this upload. */
async function holdsOwn(
  context: GatewayContext,
  place: ObjectPlace,
  rid: string,
): Promise<boolean> {
  const head = await context.storeClient.head(place)
  return head.found && ownTicket(context, place, head)?.rid === rid
}

async function forgetPlaced(context: GatewayContext, note: UploadNote): Promise<void> {
  const bucket = context.config.buckets.get(note.bucket)
  if (bucket !== undefined) await recordRemoved(context, bucket, note)
}

function ended(context: GatewayContext, note: UploadNote, rid: string, sizeBytes: number): void {
  const how = note.rejected ? 'rejected' : 'settled'
  context.telemetry.uploadEnded({ bucket: note.bucket, how })
  void recordOrLog(context, endEvent(context, `upload.${how}`, note, rid, sizeBytes))
}
