import { credentialName, type Principal } from '../auth/principal.ts'
import { hasUniqueKeys } from '../stores/placement-order.ts'
import type { Placement } from '../stores/store.ts'
import type { GatewayContext } from './context.ts'
import { slowDown } from './local-limiter.ts'
import { knownPlace, placementToOverwrite } from './locate-object.ts'
import { planUpload, type WantedUpload } from './plan-upload.ts'

/** Searches of one credential that pass in this process: nothing has charged them yet. */
const SEARCH_RATE = { requests: 20, windowSeconds: 1, burst: 100 }

/**
 * The placement of the object that an upload replaces: the new one goes there, or there would be two of a name.
 * `undefined` where nothing is replaced, there is one placement, or the object is in none. Stores are asked, unless
 * it was met lately, once it is clear that the caller may have the upload. Throws what `planUpload` throws,
 * `SlowDown` for a flood, `StoreUnavailable` where nobody can tell.
 */
export async function placementReplaced(
  context: GatewayContext,
  principal: Principal,
  wanted: WantedUpload,
): Promise<Placement | undefined> {
  const bucket = context.config.buckets.get(wanted.bucket)
  if (!wanted.overwrite || bucket === undefined) return undefined
  if (bucket.placements.length === 1 || hasUniqueKeys(bucket)) return undefined
  const { object, place } = planUpload(context, principal, wanted)
  const subject = JSON.stringify(['search', principal.tenant, credentialName(principal)])
  const waitMs = context.localLimiter.take(subject, SEARCH_RATE)
  if (waitMs > 0) throw slowDown('search', waitMs)
  return placementToOverwrite(context, bucket, { ...object, key: place.key })
}

/** The same for a dry run: as far as it is known without asking a store. */
export function placementKnownReplaced(
  context: GatewayContext,
  principal: Principal,
  wanted: WantedUpload,
): Placement | undefined {
  const bucket = context.config.buckets.get(wanted.bucket)
  if (!wanted.overwrite || bucket === undefined) return undefined
  if (bucket.placements.length === 1 || hasUniqueKeys(bucket)) return undefined
  const { place } = planUpload(context, principal, wanted)
  return knownPlace(context, bucket, place)?.placement
}
