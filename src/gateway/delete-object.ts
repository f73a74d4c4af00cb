import type { Principal } from '../auth/principal.ts'
import { toTimestamp } from '../clock.ts'
import type { ObjectKey } from '../object-key.ts'
import { accessDenied, authorize } from '../policy/authorize.ts'
import type { Bucket } from '../stores/bucket.ts'
import { hasUniqueName, placementsOf } from '../stores/placement-order.ts'
import { actor, keyHash, recordOrLog } from './audit-events.ts'
import { chargeRequests } from './charge-requests.ts'
import { chargedTicket } from './charged.ts'
import type { GatewayContext } from './context.ts'
import { postCreditIfDead, reserveCredit } from './credit.ts'
import {
  assertSearchable,
  type FoundObject,
  findObject,
  type ObjectToLocate,
  placeIn,
  searchOrder,
} from './locate-object.ts'
import { recordRemoved } from './placed-record.ts'
import { assertCallable } from './store-fitness.ts'

export interface DeleteObjectRequest {
  readonly principal: Principal
  readonly bucket: string
  readonly key: ObjectKey
  readonly requestId: string
}

/**
 * Deletes an object and credits stored totals with its real size, once, to those who were charged for
 * it. The credit is posted when the object's own upload URL can no longer bring it back: at once for
 * an old object, else by the sweeper. Where several stores may have one of that name, all of them go, so that
 * none comes back. Safe to repeat; an object that is not there is no error.
 * Throws `AccessDenied`, `SlowDown`, `StoreUnavailable`, `LedgerUnavailable`.
 */
export async function deleteObject(
  context: GatewayContext,
  request: DeleteObjectRequest,
): Promise<void> {
  const { principal, bucket: name, key } = request
  const { rule } = authorize(principal, { operation: 'delete', bucket: name, key })
  const bucket = context.config.buckets.get(name)
  if (bucket === undefined) throw accessDenied()
  const { tenant, region } = principal
  const object = { tenant, region, key }
  assertReachable(context, bucket, object)
  await chargeRequests(context, principal, 1)
  const copies = await copiesOf(context, bucket, object)
  for (const copy of copies) await removeCopy(context, { ...request, rule }, copy)
  await recordRemoved(context, bucket, { tenant, key: key.text })
}

/** Whether only one object can have a name, wherever it is. */
function isAlone(bucket: Bucket, key: ObjectKey): boolean {
  return bucket.placements.length === 1 || hasUniqueName(bucket, key.text)
}

/** Throws `StoreUnavailable`, before anything is charged. */
function assertReachable(context: GatewayContext, bucket: Bucket, object: ObjectToLocate): void {
  assertSearchable(context, bucket, object)
  const { tenant, key } = object
  if (isAlone(bucket, key)) return
  const asked = placementsOf(bucket, { tenant, key: key.text })
  for (const { store } of asked) assertCallable(context, store)
}

/** All objects of a name, the one that reads find last, so that no older one is found in its place. */
async function copiesOf(
  context: GatewayContext,
  bucket: Bucket,
  object: ObjectToLocate,
): Promise<readonly FoundObject[]> {
  if (isAlone(bucket, object.key)) {
    const found = await findObject(context, bucket, object)
    return found === undefined ? [] : [found]
  }
  const { order } = await searchOrder(context, bucket, object)
  const places = order.flatMap((placement) => placeIn(placement, object.key))
  const looks = await Promise.all(
    places.map(async (place) => ({ place, head: await context.storeClient.head(place) })),
  )
  const found = looks.flatMap(({ place, head }) => (head.found ? [{ place, head }] : []))
  return found.reverse()
}

async function removeCopy(
  context: GatewayContext,
  { principal, bucket: name, key, requestId, rule }: DeleteObjectRequest & { rule: string },
  { place, head }: FoundObject,
): Promise<void> {
  const ticket = await chargedTicket(context, place, head)
  const credit =
    ticket !== undefined
      ? await reserveCredit(
          context,
          { tenant: principal.tenant, bucket: name, place },
          { ...ticket, sizeBytes: head.sizeBytes },
        )
      : undefined
  await context.storeClient.remove(place)
  context.telemetry.objectDeleted({ bucket: name })
  await recordOrLog(context, {
    event: 'object.deleted',
    at: toTimestamp(context.clock.nowMs()),
    requestId,
    ...actor(principal),
    rule,
    bucket: name,
    keyHash: keyHash(context.hashing, key.text),
    sizeBytes: head.sizeBytes,
  })
  if (credit !== undefined) await postCreditIfDead(context, credit, place)
}
