import { GatewayError } from '../errors.ts'
import type { Reservation } from '../ledger/port.ts'
import { partSize } from '../signing/multipart-plan.ts'
import type { ListedPart } from '../stores/store-client.ts'
import type { GatewayContext } from './context.ts'
import { rejectMultipart } from './end-multipart.ts'
import { isMade, type MadeMultipart } from './open-multipart.ts'
import { ownTicket } from './own-ticket.ts'
import { placeOf } from './place-of.ts'
import { changedMeanwhile, recovering } from './refusal.ts'
import { noteText, type UploadNote } from './reservation-note.ts'

/** A part as the caller believes to have sent it. */
export interface ClaimedPart {
  readonly partNumber: number
  /** With or without quotes. */
  readonly etag: string
}

/** Missing numbers that an error names. */
const MAX_NAMED = 10

/**
 * Puts the parts together at the store, by the store's own list of them: each planned part is there,
 * with its planned length, and is the one that the caller speaks of. Afterwards the object is there, or
 * this throws: `UploadIncomplete` (nothing is lost, the upload goes on), `UploadRejected` (it has been
 * aborted), `StoreUnavailable`, `LedgerUnavailable`. Answers the reservation as it is then. Safe to
 * repeat.
 */
export async function putTogether(
  context: GatewayContext,
  reservation: Reservation,
  note: UploadNote,
  claimed: readonly ClaimedPart[] | undefined,
): Promise<Reservation> {
  const { multipart } = note
  if (!isMade(multipart)) throw incomplete('the store has not made the upload')
  const place = placeOf(context, note)
  const listed = await context.storeClient.listParts(place, multipart.id)
  // Completed before, by a call whose answer was lost, or aborted by somebody: the object tells.
  if (listed === undefined) return reservation
  if (isTooMuch(multipart, note, listed)) {
    await rejectMultipart(context, reservation, { note, why: 'too-much' })
  }
  assertAllThere(multipart, note, listed)
  if (claimed !== undefined) assertSameParts(listed, claimed)
  const marked = await markCompleting(context, reservation, note)
  const outcome = await context.storeClient.completeMultipart(place, {
    uploadId: multipart.id,
    parts: listed,
    writeOnce: note.writeOnce === true,
  })
  if (outcome === 'completed' || outcome === 'gone') return marked
  if (outcome === 'invalid') throw incomplete('the store does not take its parts as they are')
  // Another call may have completed this very upload: then it is there.
  const head = await context.storeClient.head(place)
  if (head.found && ownTicket(context, place, head)?.rid === reservation.rid) return marked
  // Somebody else writes or has removed the object: a later call finds out how that has ended.
  if (outcome === 'busy' || !head.found) throw incomplete('its key is being written, try again')
  // The store has answered: what the note says of this Complete is over.
  return await rejectMultipart(context, marked, { note, why: 'key-taken' })
}

/**
 * Records that the store is about to put the parts together, before it is asked: it may go on when its
 * answer is lost, and until it has certainly ended nothing is released. An abort that was recorded
 * first wins.
 */
async function markCompleting(
  context: GatewayContext,
  reservation: Reservation,
  note: UploadNote,
): Promise<Reservation> {
  const { partition, rid, fingerprint, subjects } = reservation
  const completingMs = Math.floor(context.ledgerTime.nowMs())
  const text = noteText({ ...note, completingMs })
  const command = { op: 'M' as const, partition, rid, fingerprint, subjects, note: text }
  const reply = await context.ledger.finish({ ...command, ifNote: reservation.note })
  context.ledgerTime.learn(reply.nowMs)
  if (reply.code === 'FENCED') throw recovering('complete the upload')
  if (reply.code !== 'OK') throw changedMeanwhile('complete the upload', reply)
  return { ...reservation, note: text }
}

/** More than was planned, in numbers or bytes: only a store that does not keep what is signed has it. */
function isTooMuch(
  { partCount }: MadeMultipart,
  { sizeBytes }: UploadNote,
  listed: readonly ListedPart[],
): boolean {
  const total = listed.reduce((sum, part) => sum + part.sizeBytes, 0)
  return total > sizeBytes || listed.some(({ partNumber }) => partNumber > partCount)
}

function assertAllThere(
  multipart: MadeMultipart,
  { sizeBytes }: UploadNote,
  listed: readonly ListedPart[],
): void {
  const sizes = new Map(listed.map((part) => [part.partNumber, part.sizeBytes]))
  const wrong: number[] = []
  for (let number = 1; number <= multipart.partCount; number += 1) {
    if (sizes.get(number) !== partSize(multipart, sizeBytes, number)) wrong.push(number)
  }
  if (wrong.length === 0) return
  const more = wrong.length > MAX_NAMED ? ` and ${wrong.length - MAX_NAMED} more` : ''
  const named = wrong.slice(0, MAX_NAMED).join(', ')
  const noun = wrong.length === 1 ? 'part' : 'parts'
  throw incomplete(`the store does not have ${noun} ${named}${more} in full`)
}

/** All of them, in their order, and of the same content. */
function assertSameParts(listed: readonly ListedPart[], claimed: readonly ClaimedPart[]): void {
  if (claimed.length !== listed.length) {
    throw incomplete(`the list has ${claimed.length} parts, the upload ${listed.length}`)
  }
  for (const [index, part] of listed.entries()) {
    const said = claimed[index]
    if (said === undefined || said.partNumber !== part.partNumber) {
      throw incomplete('the list is not in ascending order of part numbers, each once')
    }
    if (bare(said.etag) !== bare(part.etag)) {
      throw incomplete(`the ETag of part ${part.partNumber} is not the one at the store`)
    }
  }
}

function bare(etag: string): string {
  return etag.replaceAll('"', '')
}

function incomplete(why: string): GatewayError {
  return new GatewayError('UploadIncomplete', `Cannot complete the upload: ${why}`)
}
