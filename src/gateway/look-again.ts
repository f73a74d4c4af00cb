import type { Reservation } from '../ledger/port.ts'
import type { GatewayContext } from './context.ts'

/** What a next look comes later than the moment it is for, so that it finds it past. */
export const AGAIN_MS = 5_000

/**
 * Has a reservation looked at again after a while, in milliseconds; the note replaces its own, if that
 * is still the one that was read.
 */
export async function lookAgain(
  context: GatewayContext,
  reservation: Reservation,
  lookMs: number,
  note?: string,
): Promise<void> {
  const { partition, rid, fingerprint, subjects } = reservation
  await context.ledger.finish({
    op: 'M',
    partition,
    rid,
    fingerprint,
    subjects,
    lookMs: Math.ceil(lookMs),
    ...(note !== undefined && { note, ifNote: reservation.note }),
  })
}
