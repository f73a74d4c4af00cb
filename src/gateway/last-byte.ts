import type { Reservation } from '../ledger/port.ts'
import { storeAt } from '../stores/place-object.ts'
import type { GatewayContext } from './context.ts'
import { type UploadNote, urlExpiryMs } from './reservation-note.ts'

/** What a store's clock may be behind when it does not tell: `exp` lies as long past the last byte. */
const UNDATED_MS = 60_000
const DEFAULT_TRANSFER_MS = 3_600_000
/**
 * How long a store may go on with a Complete whose answer nobody waits for any more. S3 says several
 * minutes (API reference, CompleteMultipartUpload); the call itself is given up after one.
 */
const COMPLETE_MAY_LAST_MS = 660_000

/** When, by the store's clock, the last byte of an upload's URL or form can come, in milliseconds. */
export function lastByteMs(
  context: Pick<GatewayContext, 'config'>,
  { expMs }: Pick<Reservation, 'expMs'>,
  { afterUrlMs, place }: Pick<UploadNote, 'afterUrlMs' | 'place'>,
): number {
  return urlExpiryMs(expMs, afterUrlMs) + transferMsOf(context, place)
}

/**
 * When, by the store's clock, nothing can come any more of an upload of parts that was aborted there, in
 * milliseconds: 0 where its end is certain at once. A Complete may still be running; and a store that
 * takes parts after an abort does so until the last part URL and a transfer by it have ended.
 */
export function lastPartMs(
  context: Pick<GatewayContext, 'config'>,
  reservation: Pick<Reservation, 'expMs'>,
  note: UploadNote,
): number {
  const { abortedMs, bucket, completingMs, place } = note
  const completeMs = completingMs === undefined ? 0 : completingMs + COMPLETE_MAY_LAST_MS
  const store = storeAt(context.config, place[0], place[1])
  if (store?.capabilities.abortEndsParts === 'yes') return completeMs
  const lastMs = lastByteMs(context, reservation, note)
  const rules = context.config.buckets.get(bucket)?.upload
  if (abortedMs === undefined || rules === undefined) return Math.max(completeMs, lastMs)
  const urlsEndMs = abortedMs + rules.expiresInSecondsMax * 1000
  return Math.max(completeMs, Math.min(lastMs, urlsEndMs + transferMsOf(context, place)))
}

/** How long after `lastPartMs` the ledger's clock is past it as well, whatever the store's shows. */
export const PARTS_MARGIN_MS = UNDATED_MS

/** Whether a part or an object may still come of an upload of parts that was aborted at the store. */
export function partsMayStillCome(
  context: Pick<GatewayContext, 'config'>,
  reservation: Pick<Reservation, 'expMs'>,
  note: UploadNote,
  { nowMs, storeNowMs = nowMs - UNDATED_MS }: { nowMs: number; storeNowMs: number | undefined },
): boolean {
  const lastMs = lastPartMs(context, reservation, note)
  return lastMs > 0 && (nowMs < lastMs + PARTS_MARGIN_MS || storeNowMs < lastMs)
}

function transferMsOf(
  { config }: Pick<GatewayContext, 'config'>,
  [store]: UploadNote['place'],
): number {
  const seconds = config.stores.get(store)?.maxTransferSeconds
  return seconds === undefined ? DEFAULT_TRANSFER_MS : seconds * 1000
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
