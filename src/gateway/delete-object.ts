import type { Principal } from '../auth/principal.ts'
import { toTimestamp } from '../clock.ts'
import { GatewayError } from '../errors.ts'
import type { Reservation, ReserveCommand } from '../ledger/port.ts'
import type { Ticket } from '../ledger/ticket.ts'
import type { ObjectKey } from '../object-key.ts'
import { accessDenied, authorize } from '../policy/authorize.ts'
import { placeNew } from '../stores/place-object.ts'
import type { HeadResult, ObjectPlace } from '../stores/store-client.ts'
import { actor, keyHash, recordOrLog } from './audit-events.ts'
import { chargeRequests } from './charge-requests.ts'
import { chargedTicket } from './charged.ts'
import type { GatewayContext } from './context.ts'
import { creditDigest, creditHold, creditId, unlimitedCheck } from './credit-hold.ts'
import { ownTicket } from './own-ticket.ts'
import { type DeleteNote, noteText } from './reservation-note.ts'
import { placeOf } from './settle.ts'

/** A little past the last possible byte, so that the first look already finds the truth. */
const LOOK_MARGIN_MS = 5_000
/** What a store's clock may be behind when it does not tell. */
const UNDATED_MS = 60_000

export interface DeleteObjectRequest {
  readonly principal: Principal
  readonly bucket: string
  readonly key: ObjectKey
  readonly requestId: string
}

/**
 * Deletes an object and credits stored totals with its real size, once, to those who were charged for
 * it. The credit is posted when the object's own upload URL can no longer bring it back: at once for
 * an old object, else by the sweeper. Safe to repeat; an object that is not there is no error.
 * Throws `AccessDenied`, `SlowDown`, `StoreUnavailable`, `LedgerUnavailable`.
 */
export async function deleteObject(
  context: GatewayContext,
  { principal, bucket: name, key, requestId }: DeleteObjectRequest,
): Promise<void> {
  authorize(principal, { operation: 'delete', bucket: name, key })
  const bucket = context.config.buckets.get(name)
  if (bucket === undefined) throw accessDenied()
  await chargeRequests(context, principal, 1)
  const place = placeNew(bucket, key)
  const head = await context.storeClient.head(place)
  if (!head.found) return
  const ticket = await chargedTicket(context, place, head)
  const credit =
    ticket !== undefined
      ? await reserveCredit(context, { principal, bucket: name, place, head, ticket })
      : undefined
  await context.storeClient.remove(place)
  context.telemetry.objectDeleted({ bucket: name })
  await recordOrLog(context, {
    event: 'object.deleted',
    at: toTimestamp(context.clock.nowMs()),
    requestId,
    ...actor(principal),
    bucket: name,
    keyHash: keyHash(context.hashing, key.text),
    sizeBytes: head.sizeBytes,
  })
  if (credit !== undefined && credit.note.deadAtMs <= credit.nowMs)
    await postCredit(context, credit)
}

interface Deleted {
  readonly principal: Principal
  readonly bucket: string
  readonly place: ObjectPlace
  readonly head: Extract<HeadResult, { found: true }>
  readonly ticket: Ticket
}

/** A recorded credit, and the ledger's own time when it was looked at. */
interface Credit {
  readonly reservation: Reservation
  readonly note: DeleteNote
  readonly nowMs: number
}

/** Records the coming credit before the object goes, so that a crash in between forgets nothing. */
async function reserveCredit(
  context: GatewayContext,
  { principal, bucket, place, head, ticket }: Deleted,
): Promise<Credit> {
  const { placement, key } = place
  const { store } = placement
  const digest = creditDigest(context, place, ticket.rid)
  const nowMs = context.ledgerTime.nowMs()
  const deadAtMs = ticket.urlExpMs + store.maxTransferSeconds * 1000
  const note: DeleteNote = {
    kind: 'delete',
    tenant: principal.tenant,
    bucket,
    place: [store.name, placement.bucket, placement.prefix],
    key: key.text,
    sizeBytes: head.sizeBytes,
    uploadId: ticket.rid,
    deadAtMs,
  }
  const waitMs = Math.max(0, Math.ceil(deadAtMs - nowMs)) + LOOK_MARGIN_MS
  const hold = creditHold(ticket)
  const command: ReserveCommand = {
    op: 'R',
    partition: ticket.partition,
    rid: creditId(digest),
    fingerprint: digest,
    subjects: ticket.subjects,
    hold,
    check: unlimitedCheck(hold, ticket.subjects.length),
    deadlineMs: 0,
    ttlMs: waitMs,
    lookMs: waitMs,
    note: noteText(note),
    // The id comes from the object: another gateway may be about to delete it for the same credit.
    replayable: true,
  }
  const reply = await context.ledger.admit(command)
  context.ledgerTime.learn(reply.nowMs)
  if (reply.code !== 'OK' && reply.code !== 'EXISTS') {
    throw new GatewayError('LedgerUnavailable', 'Cannot delete: the credit cannot be recorded', {
      facts: { reply: reply.code },
    })
  }
  const { partition, rid, fingerprint } = command
  const state = reply.code === 'EXISTS' ? reply.state : 'P'
  const { subjects } = command
  const reservation = { partition, rid, fingerprint, state, hold, subjects, over: 0, actual: -1 }
  const expMs = nowMs + waitMs
  return { reservation: { ...reservation, expMs, note: command.note }, note, nowMs: reply.nowMs }
}

/**
 * Credits a deleted object, when it is really gone for good: by the store's own clock, which judges
 * the object's URL, as for a release. One that is (still or again) there, with the same ticket, stays
 * charged. `nowMs` is the ledger's time, or earlier: it stands in for a store that sends no `Date`.
 * Returns whether the credit was posted.
 */
export async function postCredit(
  context: GatewayContext,
  { reservation, note, nowMs }: Credit,
): Promise<boolean> {
  const place = placeOf(context, note)
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
  })
  context.ledgerTime.learn(reply.nowMs)
  if (reply.code === 'CORRUPT' || reply.code === 'CONFLICT') {
    context.telemetry.ledgerAlarmed({ op: 'credit', code: reply.code })
    context.log.error('ledger.alarm', { op: 'credit', code: reply.code, rid })
  }
  return reply.code === 'OK' || reply.code === 'DUP'
}
