import { GatewayError } from '../errors.ts'
import type { Bucket } from '../stores/bucket.ts'
import {
  hasOneHome,
  hasUniqueKeys,
  type ObjectToPlace,
  placementName,
  placementsFor,
} from '../stores/placement-order.ts'
import type { Placement } from '../stores/store.ts'
import type { GatewayContext } from './context.ts'
import type { KnownRoom } from './find-room.ts'

/** What is known of stores without asking them. */
export type PlacingContext = Pick<GatewayContext, 'hashing' | 'storeHealth'>

/** Of stores nothing is known that would stand in the way. */
export const ANY_ROOM: KnownRoom = { full: new Set(), seemsFull: () => false }

/** What planning an object for one placement comes to; throws a `GatewayError` where that cannot be. */
export type PlanAt<Plan> = (placement: Placement) => Plan

/**
 * Plans a new object for the first of its placements that can keep what is asked, is up and has room. Asks no
 * store. One that seems to be full comes next, for the ledger knows better; then one that is down, if the bucket
 * says so, else `StoreUnavailable` is thrown. Throws `InsufficientStorage` where only full ones are left,
 * `UnsupportedByStore` where no placement takes the object, else what the first one threw.
 */
export function planAtBest<Plan>(
  context: PlacingContext,
  bucket: Bucket,
  { object, room, planAt }: { object: ObjectToPlace; room: KnownRoom; planAt: PlanAt<Plan> },
): Plan {
  let firstError: GatewayError | undefined
  let tight: Plan | undefined
  let down: Plan | undefined
  let isFull = false
  for (const placement of candidatesFor(context, bucket, object)) {
    const { store } = placement
    if (room.full.has(store.name)) {
      isFull = true
      continue
    }
    const plan = tryPlan(planAt, placement)
    if (plan instanceof GatewayError) firstError ??= plan
    else if (context.storeHealth.isDown(store.name)) down ??= plan
    else if (room.seemsFull(store, object.sizeBytes)) tight ??= plan
    else return plan
  }
  if (tight !== undefined) return tight
  if (down !== undefined) {
    if (bucket.placing.whenDown === 'sign') return down
    throw new GatewayError('StoreUnavailable', 'Cannot place the object: its stores are away')
  }
  if (isFull) throw noRoom(room)
  throw firstError ?? nowhere()
}

/** The error where every store that could have the object is full; which they are is the operator's alone. */
export function noRoom({ full }: KnownRoom): GatewayError {
  const facts = { stores: [...full].join(' ') }
  return new GatewayError('InsufficientStorage', 'Cannot place the object: no room left', { facts })
}

/**
 * Whether a new object of that name can be in one placement alone, so that a store's own condition is enough to
 * keep it from replacing another one.
 */
export function isWriteOnceAt(
  context: Pick<PlacingContext, 'hashing'>,
  bucket: Bucket,
  { object, placement }: { readonly object: ObjectToPlace; readonly placement: Placement },
): boolean {
  if (bucket.placements.length === 1 || hasUniqueKeys(bucket)) return true
  // Where it is not demanded, one of that name may have gone elsewhere while this store was away or full.
  if (bucket.upload.writeOnce !== true || !hasOneHome(bucket)) return false
  const [home] = placementsFor(bucket, object, context.hashing)
  return home !== undefined && placementName(home) === placementName(placement)
}

/**
 * Where callers name objects and demand that none is replaced, only the store that would have the other one can
 * tell: no other is a candidate.
 */
function candidatesFor(
  { hashing }: PlacingContext,
  bucket: Bucket,
  object: ObjectToPlace,
): readonly Placement[] {
  if (bucket.placements.length === 1 && bucket.placements[0].takes === undefined) {
    return bucket.placements
  }
  const taking = placementsFor(bucket, object, hashing)
  return bucket.upload.writeOnce === true && !hasUniqueKeys(bucket) ? taking.slice(0, 1) : taking
}

function tryPlan<Plan>(planAt: PlanAt<Plan>, placement: Placement): Plan | GatewayError {
  try {
    return planAt(placement)
  } catch (error) {
    if (error instanceof GatewayError) return error
    throw error
  }
}

function nowhere(): GatewayError {
  return new GatewayError(
    'UnsupportedByStore',
    'Cannot place the object: no placement of the bucket takes it',
    { capability: 'placements' },
  )
}
