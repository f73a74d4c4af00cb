import type { Ticket } from '../ledger/ticket.ts'
import type { HeadResult, ObjectPlace } from '../stores/store-client.ts'
import type { GatewayContext } from './context.ts'
import { ownTicket } from './own-ticket.ts'
import { uploadNoteOf } from './reservation-note.ts'
import { settle } from './settle.ts'

/**
 * The ticket of an object whose bytes count in stored totals, so that they may be credited when it
 * goes. One that has arrived but was never completed is settled first: else its reservation would
 * expire without a charge, and the credit would be a gift. `undefined` for an object without a ticket
 * of ours, and on a versioned bucket, which keeps the bytes. Throws `StoreUnavailable`,
 * `LedgerUnavailable`.
 */
export async function chargedTicket(
  context: GatewayContext,
  place: ObjectPlace,
  head: Extract<HeadResult, { found: true }>,
): Promise<Ticket | undefined> {
  if (head.versionId !== undefined) return undefined
  const ticket = ownTicket(context, place, head)
  if (ticket === undefined) return undefined
  const { partition, rid } = ticket
  const reservation = await context.ledger.find({ partition, rid })
  // Ended records are forgotten after `ledger.retentionHours`; pending ones never are.
  if (reservation === undefined || reservation.state === 'S') return ticket
  const note = uploadNoteOf(reservation)
  if (note === undefined) return undefined
  await settle(context, reservation, note)
  const settled = await context.ledger.find({ partition, rid })
  return settled?.state === 'S' ? ticket : undefined
}
