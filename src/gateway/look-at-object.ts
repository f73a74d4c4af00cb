import type { Reservation } from '../ledger/port.ts'
import { type Ticket, ticketKeyId } from '../ledger/ticket.ts'
import { ObjectKey } from '../object-key.ts'
import type { Placement } from '../stores/store.ts'
import type { HeadResult, ObjectPlace } from '../stores/store-client.ts'
import type { GatewayContext } from './context.ts'
import { creditDigest, creditId } from './credit-hold.ts'
import { ownTicket, TICKET_NAME } from './own-ticket.ts'
import { parseNote } from './reservation-note.ts'

/** An object that carries a ticket of its own. */
export interface OwnObject {
  readonly what: 'own'
  readonly place: ObjectPlace
  readonly head: Extract<HeadResult, { found: true }>
  readonly ticket: Ticket
  /** `undefined`: forgotten since it ended, or lost. */
  readonly record: Reservation | undefined
}

/**
 * What a listed object is. `gone`: it has left since; `foreign`: without a ticket, or under a key that
 * Signet would not sign; `forged`: with one that was not sealed for this place; `unverified`: with one
 * that names a key that is not configured, so that nobody can tell.
 */
export type ListedAs = { readonly what: 'gone' | 'foreign' | 'forged' | 'unverified' } | OwnObject

/** Looks at one object of a listing, and for its record. Throws `StoreUnavailable`, `LedgerUnavailable`. */
export async function lookAtObject(
  context: GatewayContext,
  placement: Placement,
  key: string,
): Promise<ListedAs> {
  const parsed = keyOrNone(key)
  if (parsed === undefined) return { what: 'foreign' }
  const place = { placement, key: parsed, background: true } as const
  const head = await context.storeClient.head(place)
  if (!head.found) return { what: 'gone' }
  const ticket = ownTicket(context, place, head)
  const text = head.metadata.get(TICKET_NAME)
  if (text === undefined) return { what: 'foreign' }
  if (ticket === undefined) {
    return { what: namesUnknownKey(context.ticketKeys, text) ? 'unverified' : 'forged' }
  }
  const { partition, rid } = ticket
  const record = await context.ledger.find({ partition, rid })
  return { what: 'own', place, head, ticket, record }
}

/** Bytes that count in stored totals, and whose. */
export interface Counted {
  readonly partition: number
  readonly subjects: readonly string[]
  readonly hold: readonly number[]
  readonly sizeBytes: number
  /** Of the one credit that they can ever bring. */
  readonly creditId: string
}

/**
 * What the ledger counts for an object; `undefined` for one that it does not count. Ended records are
 * forgotten after `ledger.retentionHours`, pending ones never, and those of condemned objects stay until
 * they are gone: so an object without a record has been settled.
 */
export function countedFor(context: GatewayContext, object: OwnObject): Counted | undefined {
  const { place, head, ticket, record } = object
  if (record === undefined || record.state === 'S') {
    const credit = creditId(creditDigest(context, place, ticket.rid))
    return { ...ticket, sizeBytes: head.sizeBytes, creditId: credit }
  }
  // An overwrite that has arrived and is not settled: what it replaced is still what counts.
  const note = parseNote(record.note)
  const replaced = note.kind === 'upload' && record.state === 'P' ? note.replaces : undefined
  if (replaced === undefined) return undefined
  return { ...replaced, creditId: creditId(creditDigest(context, place, replaced.rid)) }
}

function namesUnknownKey(keys: GatewayContext['ticketKeys'], text: string): boolean {
  const ids = text.split(',').map((value) => ticketKeyId(value.trim()))
  return ids.some((id) => id !== undefined && !keys.some((key) => key.id === id))
}

// A key that Signet would not sign carries no ticket of its own.
function keyOrNone(key: string): ObjectKey | undefined {
  try {
    return ObjectKey.parse(key)
  } catch {
    return undefined
  }
}
