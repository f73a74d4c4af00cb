import { openTicket, type Ticket, type TicketPlace } from '../ledger/ticket.ts'
import type { HeadResult, ObjectPlace } from '../stores/store-client.ts'
import type { GatewayContext } from './context.ts'
import { ticketPlace } from './ticket-place.ts'

/** Metadata name of the sealed ticket: `x-amz-meta-signet` on the wire. */
export const TICKET_NAME = 'signet'

/**
 * The ticket of an object, when it is genuine and was sealed for this very store, bucket and key. A
 * forged or copied one is reported and counts as none. Some stores know metadata by names that a
 * signature of ours does not cover (`x-object-meta-signet` on Ceph and Swift), and join what they get
 * to a list: so the ticket is looked for in it, and of several genuine ones the latest counts, lest an
 * old one that was put beside it hides what the object was charged to.
 */
export function ownTicket(
  context: Pick<GatewayContext, 'hashing' | 'ticketKeys' | 'telemetry' | 'log'>,
  place: ObjectPlace,
  head: Extract<HeadResult, { found: true }>,
): Ticket | undefined {
  const text = head.metadata.get(TICKET_NAME)
  if (text === undefined) return undefined
  const { own, forged } = ticketIn(context, ticketPlace(place), text)
  if (forged) {
    context.telemetry.ticketRefused({ bucket: place.placement.bucket })
    context.log.warn('ticket.refused', { store: place.placement.store.name })
  }
  return own
}

/**
 * The latest genuine ticket for a place in a list with commas, and whether there is any other value in it.
 * Pure.
 */
export function ticketIn(
  { hashing, ticketKeys }: Pick<GatewayContext, 'hashing' | 'ticketKeys'>,
  place: TicketPlace,
  text: string,
): { readonly own: Ticket | undefined; readonly forged: boolean } {
  let own: Ticket | undefined
  let forged = false
  // All of them, however many: one that was not looked at would be hidden. Headers are short enough.
  for (const value of text.split(',')) {
    const ticket = openTicket({ hashing, keys: ticketKeys }, value.trim(), place)
    if (ticket === undefined) forged = true
    else if (own === undefined || ticket.issuedMs > own.issuedMs) own = ticket
  }
  return { own, forged }
}
