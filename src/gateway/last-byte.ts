import type { Reservation } from '../ledger/port.ts'
import type { GatewayContext } from './context.ts'
import { type UploadNote, urlExpiryMs } from './reservation-note.ts'

/** What a store's clock may be behind when it does not tell: `exp` lies as long past the last byte. */
const UNDATED_MS = 60_000
const DEFAULT_TRANSFER_MS = 3_600_000

/** When, by the store's clock, the last byte of an upload's URL or form can come, in milliseconds. */
export function lastByteMs(
  context: Pick<GatewayContext, 'config'>,
  { expMs }: Pick<Reservation, 'expMs'>,
  { afterUrlMs, place }: Pick<UploadNote, 'afterUrlMs' | 'place'>,
): number {
  const store = context.config.stores.get(place[0])
  const transferMs = store === undefined ? DEFAULT_TRANSFER_MS : store.maxTransferSeconds * 1000
  return urlExpiryMs(expMs, afterUrlMs) + transferMs
}

/**
 * Whether something may still come by an upload's URL or form: until `exp` by the ledger's clock, and
 * until the store dates an answer after the last byte.
 */
export function mayStillCome(
  context: Pick<GatewayContext, 'config'>,
  reservation: Pick<Reservation, 'expMs'>,
  note: Pick<UploadNote, 'afterUrlMs' | 'place'>,
  { nowMs, storeNowMs = nowMs - UNDATED_MS }: { nowMs: number; storeNowMs: number | undefined },
): boolean {
  return nowMs < reservation.expMs || storeNowMs < lastByteMs(context, reservation, note)
}
