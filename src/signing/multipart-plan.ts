import { GatewayError } from '../errors.ts'
import type { Capabilities } from '../stores/capabilities.ts'

const MIB = 2 ** 20

/** How an object is cut: equal parts, of which the last alone may be shorter. */
export interface MultipartPlan {
  readonly partSizeBytes: number
  /** At least 1. */
  readonly partCount: number
}

type PartLimits = Pick<
  Capabilities,
  'maxParts' | 'minPartBytes' | 'maxPartBytes' | 'preferredPartBytes'
>

/**
 * Cuts `sizeBytes` into as many parts as the store takes: of the preferred size if that suffices,
 * else of the least whole number of MiB that does. An empty object is one empty part. Throws
 * `UnsupportedByStore` when even the largest parts are not enough.
 */
export function planMultipart(
  { maxParts, minPartBytes, maxPartBytes, preferredPartBytes }: PartLimits,
  sizeBytes: number,
): MultipartPlan {
  const least = Math.ceil(sizeBytes / maxParts)
  const preferred = Math.max(minPartBytes, Math.min(preferredPartBytes, maxPartBytes))
  const grown = Math.min(Math.ceil(least / MIB) * MIB, maxPartBytes)
  const partSizeBytes = least > preferred ? grown : preferred
  if (partSizeBytes < least) {
    const most = maxParts * maxPartBytes
    throw new GatewayError(
      'UnsupportedByStore',
      `Cannot sign for this store: ${maxParts} parts hold at most ${most} bytes`,
      { capability: 'multipart' },
    )
  }
  return { partSizeBytes, partCount: Math.max(1, Math.ceil(sizeBytes / partSizeBytes)) }
}

/**
 * Exact size of a part, in bytes. Throws `RangeError` for a number that the plan does not have: callers
 * look at `partCount` first.
 */
export function partSize(
  { partSizeBytes, partCount }: MultipartPlan,
  sizeBytes: number,
  partNumber: number,
): number {
  if (!Number.isInteger(partNumber) || partNumber < 1 || partNumber > partCount) {
    throw new RangeError(`Cannot size part ${partNumber}: there are ${partCount}`)
  }
  return partNumber < partCount ? partSizeBytes : sizeBytes - (partCount - 1) * partSizeBytes
}
