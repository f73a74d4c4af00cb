import { toTimestamp } from '../../clock.ts'
import type { Reservation } from '../../ledger/port.ts'
import type { StoreEvent } from '../../stores/events/store-event.ts'
import type { ObjectPlace } from '../../stores/store-client.ts'
import { keyHash, recordOrLog } from '../audit-events.ts'
import { markSeen } from '../complete-upload.ts'
import type { GatewayContext } from '../context.ts'
import { postCreditIfDead, reserveCredit } from '../credit.ts'
import { mayBeForgotten } from '../credit-replaced.ts'
import { ownTicket, ticketIn } from '../own-ticket.ts'
import { type UploadNote, uploadNoteOf } from '../reservation-note.ts'
import { settle } from '../settle.ts'
import { ticketPlace } from '../ticket-place.ts'
import { placesOfEvent } from './places.ts'

/** An event, as far as it says where to look. */
export type EventHint = Pick<StoreEvent, 'bucket' | 'keys' | 'type' | 'ticket'>

/** What came of looking where an event pointed; `ignored`: nothing has changed. */
export interface EventOutcome {
  readonly outcome: 'settled' | 'ignored'
  /** A word for metrics: what was done, or why nothing was. */
  readonly reason: string
}

/**
 * Looks where an event points, and does what the store and the ledger say: settles an upload that has
 * arrived, credits one that is gone. Nothing in the event is believed, so a forged, late or repeated one
 * changes nothing that a look at any time would not. Safe to repeat. Throws `StoreUnavailable`,
 * `LedgerUnavailable`.
 */
export async function settleByEvent(
  context: GatewayContext,
  store: string,
  hint: EventHint,
): Promise<EventOutcome> {
  const found = placesOfEvent(context.config, store, hint)
  if ('notOurs' in found) return ignored(found.notOurs)
  const { background } = context
  const places = found.places.map((place) => ({ ...place, ...(background && { background }) }))
  if (hint.type === 'created') return settleArrived(context, places)
  if (hint.type === 'removed') return creditGone(context, places, hint.ticket)
  return ignored('other')
}

/** An upload that the ledger knows, and that is recorded for this very place. */
interface KnownUpload {
  readonly place: ObjectPlace
  readonly reservation: Reservation
  readonly note: UploadNote
}

async function settleArrived(
  context: GatewayContext,
  places: readonly ObjectPlace[],
): Promise<EventOutcome> {
  const looks = await Promise.all(places.map((place) => lookFor(context, place)))
  const uploads = looks.flatMap((look) => ('reservation' in look ? [look] : []))
  const [upload, another] = uploads
  if (upload === undefined) return looks.find((look) => 'outcome' in look) ?? ignored('absent')
  // Nobody knows which of the two keys the event means, and the sweeper needs no event.
  if (another !== undefined) return ignored('ambiguous')
  const { reservation, note } = upload
  const settlement = await settle(context, reservation, note)
  if (settlement.how === 'absent') return ignored('absent')
  if (settlement.how !== 'seen') return { outcome: 'settled', reason: settlement.how }
  if (note.seen?.etag === settlement.note.seen?.etag) return ignored('seen')
  await markSeen(context, reservation, settlement.note)
  return { outcome: 'settled', reason: 'seen' }
}

/** The upload whose object lies at a place, when that can still change what the ledger says. */
async function lookFor(
  context: GatewayContext,
  place: ObjectPlace,
): Promise<KnownUpload | EventOutcome> {
  const head = await context.storeClient.head({ ...place, background: true })
  if (!head.found) return ignored('absent')
  const ticket = ownTicket(context, place, head)
  if (ticket === undefined) return ignored('no-ticket')
  const known = await knownUpload(context, place, ticket)
  if (known === undefined) return ignored('unknown-upload')
  const { reservation, note } = known
  // A condemned one is the sweeper's, and so is one that only looks for what a crash has left behind.
  const isOpen = reservation.state === 'P' && note.leftover === undefined
  const isLate = reservation.state === 'V' || reservation.state === 'X'
  return isOpen || isLate ? known : ignored('ended')
}

/**
 * The credit of an object that was removed past the gateway. Whose it was is known by the sealed ticket
 * alone, and that it was charged by the ledger alone: a ticket lies in every grant, also in one that
 * nothing came of. What the ledger has forgotten, or is about to, is left to `signet reconcile`.
 */
async function creditGone(
  context: GatewayContext,
  places: readonly ObjectPlace[],
  sealed: string | undefined,
): Promise<EventOutcome> {
  if (sealed === undefined) return ignored('no-ticket')
  for (const place of places) {
    const ticket = ticketIn(context, ticketPlace(place), sealed).own
    if (ticket === undefined) continue
    const known = await knownUpload(context, place, ticket)
    if (known === undefined) return ignored('unknown-upload')
    const { reservation, note } = known
    if (reservation.state !== 'S') return ignored('not-charged')
    // Where versions are kept, the bytes stay behind a delete marker.
    if (note.versionId !== undefined) return ignored('versioned')
    // The credit of an earlier removal may be forgotten before a command of ours is carried out.
    if (mayBeForgotten(context, note.settledMs ?? note.createdMs)) return ignored('too-old')
    const head = await context.storeClient.head({ ...place, background: true })
    if (head.found && ownTicket(context, place, head)?.rid === ticket.rid) return ignored('there')
    const { tenant, bucket } = note
    const charged = { ...ticket, sizeBytes: reservation.actual }
    const credit = await reserveCredit(context, { tenant, bucket, place }, charged)
    if (credit.reservation.state !== 'P') return ignored('credited-before')
    await recordOrLog(context, {
      event: 'object.gone',
      at: toTimestamp(context.clock.nowMs()),
      tenant,
      bucket,
      uploadId: ticket.rid,
      keyHash: keyHash(context.hashing, note.key),
      sizeBytes: charged.sizeBytes,
    })
    await postCreditIfDead(context, credit, place)
    return { outcome: 'settled', reason: 'credited' }
  }
  return ignored('no-ticket')
}

/** The ledger's record of an upload, if it says the same of where it lies as its ticket. */
async function knownUpload(
  context: GatewayContext,
  place: ObjectPlace,
  { partition, rid }: { readonly partition: number; readonly rid: string },
): Promise<KnownUpload | undefined> {
  const reservation = await context.ledger.find({ partition, rid })
  const note = reservation === undefined ? undefined : uploadNoteOf(reservation)
  if (reservation === undefined || note === undefined) return undefined
  const recorded = ticketPlace(place)
  const [store, bucket, prefix] = note.place
  const isHere =
    store === recorded.store && bucket === recorded.bucket && prefix + note.key === recorded.key
  return isHere ? { place, reservation, note } : undefined
}

function ignored(reason: string): EventOutcome {
  return { outcome: 'ignored', reason }
}
