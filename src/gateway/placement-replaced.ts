import { credentialName, type Principal } from '../auth/principal.ts'
import { GatewayError } from '../errors.ts'
import { hasUniqueKeys, takesObject } from '../stores/placement-order.ts'
import type { Placement } from '../stores/store.ts'
import type { GatewayContext } from './context.ts'
import { slowDown } from './local-limiter.ts'
import { findObject } from './locate-object.ts'
import { planUnplaced, type WantedUpload } from './plan-upload.ts'

/** Searches of one credential that pass in this process: nothing has charged them yet. */
const SEARCH_RATE = { requests: 20, windowSeconds: 1, burst: 100 }

/**
 * The placement of the object that an upload may replace: the new one goes there, whatever its weight, or there
 * would be two of a name. `undefined` where nothing is replaced, there is one placement, or the object is nowhere.
 * Stores are asked, once it is clear that the caller may have the upload: what was met somewhere lately may be
 * elsewhere now, and then the other one would stay. Throws what `planUnplaced` throws, `SlowDown` for a flood,
 * `StoreUnavailable` or `Overloaded` where it may be where nobody answers, and `UnsupportedByStore` where the new
 * one must not go, by the terms of the placement.
 */
export async function placementReplaced(
  context: GatewayContext,
  principal: Principal,
  wanted: WantedUpload,
): Promise<Placement | undefined> {
  const bucket = context.config.buckets.get(wanted.bucket)
  if (!wanted.overwrite || bucket === undefined) return undefined
  if (bucket.placements.length === 1 || hasUniqueKeys(bucket)) return undefined
  const { object, key } = planUnplaced(context, principal, wanted)
  const subject = JSON.stringify(['search', principal.tenant, credentialName(principal)])
  const waitMs = context.localLimiter.take(subject, SEARCH_RATE)
  if (waitMs > 0) throw slowDown('search', waitMs)
  const { tenant, region } = principal
  const found = await findObject(context, bucket, { tenant, region, key })
  if (found === undefined) return undefined
  const { placement } = found.place
  if (takesObject(placement, object)) return placement
  throw new GatewayError(
    'UnsupportedByStore',
    'Cannot replace the object: it is in a placement that does not take the new one; delete it first',
    { capability: 'placements' },
  )
}
