import type { Reservation } from '../ledger/port.ts'
import type { ObjectPlace } from '../stores/store-client.ts'
import type { GatewayContext } from './context.ts'
import { type Credit, postCreditIfDead, reserveCredit } from './credit.ts'
import type { UploadNote } from './reservation-note.ts'

const HOUR_MS = 3_600_000
/** Clocks that step, and answers on their way; the ledger remembers for two hours at least. */
const FORGETTING_MARGIN_MS = HOUR_MS

/**
 * The credit of the object that an overwrite was for, as soon as that is no longer there: replaced, or
 * gone in any other way. Recorded first, so that whatever becomes of the new one forgets nothing.
 */
export async function creditReplaced(
  context: GatewayContext,
  reservation: Reservation,
  note: UploadNote,
  { place, thereNow }: { readonly place: ObjectPlace; readonly thereNow: string | undefined },
): Promise<Credit | undefined> {
  const { bucket, replaces, tenant } = note
  if (replaces === undefined || replaces.rid === thereNow) return undefined
  const arrived = thereNow === reservation.rid
  // An ended one that brought nothing had this looked after before it ended.
  if (reservation.state !== 'P' && !arrived) return undefined
  const { ifMatch } = place.placement.store.capabilities
  // Neither a form nor Complete carries If-Match: many stores take none there.
  const byPut = note.multipart === undefined && note.post !== true
  const replacedForCertain = arrived && byPut && (ifMatch === 'quoted' || ifMatch === 'bare')
  if (!replacedForCertain && mayBeForgotten(context, note.createdMs)) return undefined
  return reserveCredit(context, { tenant, bucket, place }, replaces)
}

/**
 * Whether a credit that was posted since a moment may be forgotten by now, so that one more would count
 * twice: what went by a DELETE had its own. Bytes that nobody can tell stay charged.
 */
export function mayBeForgotten(
  context: Pick<GatewayContext, 'config' | 'ledgerTime'>,
  sinceMs: number,
): boolean {
  const rememberedMs = context.config.ledger.retentionHours * HOUR_MS - FORGETTING_MARGIN_MS
  return context.ledgerTime.nowMs() >= sinceMs + rememberedMs
}

/** What is settled is settled: a credit that cannot be posted now is the sweeper's. */
export async function postOrLeave(
  context: GatewayContext,
  credit: Credit,
  place: ObjectPlace,
): Promise<void> {
  try {
    await postCreditIfDead(context, credit, place)
  } catch (error) {
    context.log.warn('credit.postponed', { uploadId: credit.note.uploadId, error })
  }
}
