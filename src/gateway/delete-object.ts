import type { Principal } from '../auth/principal.ts'
import { toTimestamp } from '../clock.ts'
import type { ObjectKey } from '../object-key.ts'
import { accessDenied, authorize } from '../policy/authorize.ts'
import { placeNew } from '../stores/place-object.ts'
import { actor, keyHash, recordOrLog } from './audit-events.ts'
import { chargeRequests } from './charge-requests.ts'
import { chargedTicket } from './charged.ts'
import type { GatewayContext } from './context.ts'
import { postCreditIfDead, reserveCredit } from './credit.ts'
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
 * an old object, else by the sweeper. Safe to repeat; an object that is not there is no error.
 * Throws `AccessDenied`, `SlowDown`, `StoreUnavailable`, `LedgerUnavailable`.
 */
export async function deleteObject(
  context: GatewayContext,
  { principal, bucket: name, key, requestId }: DeleteObjectRequest,
): Promise<void> {
  const { rule } = authorize(principal, { operation: 'delete', bucket: name, key })
  const bucket = context.config.buckets.get(name)
  if (bucket === undefined) throw accessDenied()
  const place = placeNew(bucket, key)
  assertCallable(context, place.placement.store)
  await chargeRequests(context, principal, 1)
  const head = await context.storeClient.head(place)
  if (!head.found) return
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
