import { credentialName, type Principal } from '../auth/principal.ts'
import { hasUniqueKeys, placementsFor } from '../stores/placement-order.ts'
import type { Placement } from '../stores/store.ts'
import type { GatewayContext } from './context.ts'
import { slowDown } from './local-limiter.ts'
import { locateObject } from './locate-object.ts'
import type { UploadPlan } from './plan-at-placement.ts'
import { planUpload, type WantedUpload } from './plan-upload.ts'

/** Searches of one credential that pass in this process: nothing has charged them yet. */
const SEARCH_RATE = { requests: 20, windowSeconds: 1, burst: 100 }

/**
 * The placement of the object that an upload may replace: the new one goes there, or there would be two of a name.
 * `undefined` where nothing is replaced, there is one placement, or the object is in none that takes the new one.
 * Stores are asked, unless it was met lately, once it is clear that the caller may have the upload. Throws what
 * `planUpload` throws, `SlowDown` for a flood, `StoreUnavailable` or `Overloaded` where it may be where nobody
 * answers.
 */
export async function placementReplaced(
  context: GatewayContext,
  principal: Principal,
  wanted: WantedUpload,
): Promise<Placement | undefined> {
  const bucket = context.config.buckets.get(wanted.bucket)
  if (!wanted.overwrite || bucket === undefined) return undefined
  if (bucket.placements.length === 1 || hasUniqueKeys(bucket)) return undefined
  const plan = planUpload(context, principal, wanted)
  const subject = JSON.stringify(['search', principal.tenant, credentialName(principal)])
  const waitMs = context.localLimiter.take(subject, SEARCH_RATE)
  if (waitMs > 0) throw slowDown('search', waitMs)
  const { tenant, region } = principal
  const located = await locateObject(context, bucket, { tenant, region, key: plan.place.key })
  if (located.how === 'unsure') throw located.error
  if (located.how === 'nowhere') return undefined
  const { placement } = located.place
  return mayStay(context, plan, placement) ? placement : undefined
}

/** Not where the new one would be kept against the placement's terms: reads then find it before the old one. */
function mayStay(
  { hashing }: Pick<GatewayContext, 'hashing'>,
  { bucket, object }: UploadPlan,
  placement: Placement,
): boolean {
  if (placement.takes === undefined) return true
  return placementsFor(bucket, object, hashing).includes(placement)
}
