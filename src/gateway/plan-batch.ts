import type { Principal } from '../auth/principal.ts'
import { GatewayError } from '../errors.ts'
import { MAX_AMOUNT, MAX_BATCH_SUBJECTS } from '../ledger/port.ts'
import { invalidMember } from '../policy/invalid.ts'
import type { Placement } from '../stores/store.ts'
import { aboutItem } from './about-item.ts'
import type { UploadPlan } from './plan-at-placement.ts'
import { type Placing, type PlanContext, planUpload, type WantedUpload } from './plan-upload.ts'

/**
 * An upload of a batch as a caller wants it: a single PUT or a form. What has to ask the store first (an
 * overwrite, an upload of parts) is created on its own.
 */
export interface WantedBatchUpload extends WantedUpload {
  readonly mode: 'auto' | 'put' | 'post'
  readonly overwrite: false
}

/** An upload of a batch, planned. */
export interface PlannedItem {
  /** As it was asked for: of mode "auto", the plan says what that came to. */
  readonly wanted: WantedBatchUpload
  readonly plan: UploadPlan
}

/** Beside the user and the tenant, one decision counts for so many stores that have a bound. */
const MAX_BOUNDED_STORES = MAX_BATCH_SUBJECTS - 2

/** What is known beforehand of where a batch goes. */
export interface BatchPlacing extends Pick<Placing, 'room'> {
  /** Of each upload, where it was before. Default: nothing is known of any. */
  readonly places?: readonly Placement[] | undefined
}

/**
 * Plans every upload of a batch, or none: the first that cannot be had refuses all, and the error names
 * it. Throws what `planUpload` throws, `InvalidRequest` for the rest.
 */
export function planBatch(
  context: PlanContext,
  principal: Principal,
  items: readonly WantedBatchUpload[],
  { places = [], room }: BatchPlacing,
): readonly PlannedItem[] {
  const planned = items.map((wanted, index) => {
    const placing = { at: places[index], ...(room !== undefined && { room }) }
    return planItem(context, principal, { wanted, index, placing })
  })
  const named = new Map<string, number>()
  for (const [index, { plan }] of planned.entries()) {
    const place = JSON.stringify([plan.bucket.name, plan.place.key.text])
    const other = named.get(place)
    if (other !== undefined) {
      throw invalidMember(`items.${index}.key`, `must not be the one of items.${other}`)
    }
    named.set(place, index)
  }
  const bytes = items.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  if (bytes > MAX_AMOUNT) throw invalidMember('items', 'must have fewer bytes in all')
  const bounded = planned.flatMap(({ plan: { place } }) => {
    const { name, capacityBytes } = place.placement.store
    return capacityBytes === undefined ? [] : [name]
  })
  if (new Set(bounded).size > MAX_BOUNDED_STORES) {
    throw invalidMember('items', 'must go to fewer stores: send what goes elsewhere by itself')
  }
  return planned
}

function planItem(
  context: PlanContext,
  principal: Principal,
  {
    wanted,
    index,
    placing,
  }: { readonly wanted: WantedBatchUpload; readonly index: number; readonly placing: Placing },
): PlannedItem {
  try {
    const plan = planUpload(context, principal, wanted, placing)
    if (plan.form !== 'multipart') return { wanted, plan }
    // As one PUT it is the same upload, if the store takes one so large. What was asked for stays: by
    // that the batch is known again, also where another threshold holds.
    return { wanted, plan: planUpload(context, principal, { ...wanted, mode: 'put' }, placing) }
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'InsufficientStorage') {
      // No item of it alone: what goes to one store is refused together.
      const why = 'no store has room for all of them: send fewer items, or try later'
      throw new GatewayError(error.code, `Cannot place the uploads: ${why}`, error.details)
    }
    throw aboutItem(error, index)
  }
}
