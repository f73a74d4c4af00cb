import { openTicket, type Ticket } from '../ledger/ticket.ts'
import type { HeadResult, ObjectPlace } from '../stores/store-client.ts'
import type { GatewayContext } from './context.ts'
import { ticketPlace } from './ticket-place.ts'

/** Metadata name of the sealed ticket: `x-amz-meta-signet` on the wire. */
export const TICKET_NAME = 'signet'

/**
 * The ticket of an object, when it is genuine and was sealed for this very store, bucket and key. A
 * forged or copied one is reported and counts as none.
 */
export function ownTicket(
  context: Pick<GatewayContext, 'hashing' | 'ticketKeys' | 'telemetry' | 'log'>,
  place: ObjectPlace,
  head: Extract<HeadResult, { found: true }>,
): Ticket | undefined {
  const text = head.metadata.get(TICKET_NAME)
  if (text === undefined) return undefined
  const keys = { hashing: context.hashing, keys: context.ticketKeys }
  const ticket = openTicket(keys, text, ticketPlace(place))
  if (ticket === undefined) {
    context.telemetry.ticketRefused({ bucket: place.placement.bucket })
    context.log.warn('ticket.refused', { store: place.placement.store.name })
  }
  return ticket
}
