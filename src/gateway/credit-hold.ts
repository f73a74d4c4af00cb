import { toBase64Url } from '../hashing.ts'
import { type Check, type Hold, KIND, MAX_AMOUNT, TOTAL_WINDOW } from '../ledger/port.ts'
import type { Ticket } from '../ledger/ticket.ts'
import type { ObjectPlace } from '../stores/store-client.ts'
import type { GatewayContext } from './context.ts'
import { ticketPlace } from './ticket-place.ts'

const ENTRY = 4

/** Names the one credit that an object can ever bring: by its place and by its upload. */
export function creditDigest(
  { hashing }: Pick<GatewayContext, 'hashing'>,
  place: ObjectPlace,
  uploadId: string,
): string {
  const { store, bucket, key } = ticketPlace(place)
  return toBase64Url(hashing.sha256(JSON.stringify([store, bucket, key, uploadId])).slice(0, 16))
}

/** Id of the reservation that carries this credit. */
export function creditId(digest: string): string {
  return `del_${digest}`
}

/** The stored totals of a ticket's hold, with nothing held: a settle then posts signed deltas. */
export function creditHold(ticket: Pick<Ticket, 'hold' | 'subjects'>): Hold {
  const credit: number[] = []
  let at = 0
  for (let subject = 0; subject < ticket.subjects.length; subject += 1) {
    const count = ticket.hold[at] ?? 0
    const entries: number[] = []
    for (let entry = 0; entry < count; entry += 1) {
      const start = at + 1 + entry * ENTRY
      const id = ticket.hold[start] ?? 0
      const kind = ticket.hold[start + 3]
      if (kind === KIND.stored || kind === KIND.objects) entries.push(id, TOTAL_WINDOW, 0, kind)
    }
    credit.push(entries.length / ENTRY, ...entries)
    at += 1 + count * ENTRY
  }
  return credit
}

/** A check that nothing can fail: no rates, no bounds in time, the largest limits. */
export function unlimitedCheck(hold: Hold, subjects: number): Check {
  const check: number[] = [0, Number.MAX_SAFE_INTEGER]
  let at = 0
  for (let subject = 0; subject < subjects; subject += 1) {
    const count = hold[at] ?? 0
    check.push(0, ...new Array<number>(count).fill(MAX_AMOUNT))
    at += 1 + count * ENTRY
  }
  return check
}
