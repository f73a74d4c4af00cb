import * as z from 'zod/mini'
import { described } from '../described.ts'
import { GatewayError } from '../errors.ts'
import { probeNow } from '../gateway/probe/now.ts'
import { probePlacements } from '../gateway/store-truth.ts'
import { storeBucketView, storeRoomView, storeView } from '../gateway/store-view.ts'
import type { Placement } from '../stores/store.ts'
import type { AppContext } from './app-context.ts'
import { type Call, type Route, route } from './route.ts'
import { probedSchema, storesSchema } from './store-schemas.ts'

const stores = route<Call>({
  method: 'GET',
  path: '/admin/v1/stores',
  operationId: 'listStores',
  summary: 'Stores, what each one enforces and who saw it; no credentials',
  responses: { 200: { description: 'The stores', schema: storesSchema } },
  errors: [],
  async handle({ context }) {
    const shown = await Promise.all(
      [...context.config.stores.values()].map(async (store) =>
        storeView(context, store, await storeRoomView(context, store)),
      ),
    )
    return Response.json({ stores: shown })
  },
})

const probeBody = z.prefault(
  z.strictObject({
    bucket: described(
      z.optional(z.string().check(z.minLength(1), z.maxLength(63))),
      'Gateway bucket. Default: every bucket that is in this store',
    ),
    full: described(
      z._default(z.boolean(), false),
      'Also with parts of real size: some 20 MiB are sent',
    ),
  }),
  {},
)

const probe = route<Call>({
  method: 'POST',
  path: '/admin/v1/stores/:store/probe',
  operationId: 'probeStore',
  summary: 'Look now at what a store enforces, and go by it from now on',
  body: probeBody,
  responses: { 200: { description: 'What was seen, by bucket', schema: probedSchema } },
  errors: ['NoSuchStore', 'StoreUnavailable'],
  async handle({ context, http, body }) {
    const { bucket, full } = body as z.output<typeof probeBody>
    const store = http.req.param('store') ?? ''
    const placements = placementsOf(context, store, bucket)
    const outcomes = await Promise.allSettled(
      placements.map((placement) => probeNow(context, placement, { full })),
    )
    const problems = outcomes.map((outcome) =>
      outcome.status === 'rejected' ? problemOf(outcome.reason) : undefined,
    )
    const [first] = problems
    if (first !== undefined && !problems.includes(undefined)) throw first
    const { clock, live, storeHealth, storeTruth } = context
    // What was seen is in force now; the request itself began before.
    const now = { clock, config: live.current, storeHealth, storeTruth }
    const buckets = placements.map((placement, index) => ({
      ...storeBucketView(now, placement),
      ...(problems[index] !== undefined && { problem: problems[index].message }),
    }))
    return Response.json({ store, buckets })
  },
})

/** Why a bucket could not be probed. Throws what is no answer to that. */
function problemOf(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error
  throw error
}

/** Where to probe: as configured, before anything was seen. Throws `NoSuchStore`, `InvalidRequest`. */
function placementsOf(
  { storeTruth: { configured } }: AppContext,
  store: string,
  bucket: string | undefined,
): readonly Placement[] {
  if (!configured.stores.has(store)) {
    throw new GatewayError('NoSuchStore', 'Cannot probe the store: none has this name')
  }
  const within = bucket === undefined ? undefined : configured.buckets.get(bucket)?.placements
  const all = probePlacements(configured, store).filter(
    (placement) =>
      bucket === undefined ||
      within?.some((each) => each.store.name === store && each.bucket === placement.bucket),
  )
  if (all.length > 0) return all
  const which = bucket === undefined ? 'no bucket is in it' : 'this bucket is not in it'
  throw new GatewayError('InvalidRequest', `Cannot probe the store: ${which}`)
}

/** Routes of the admin API about stores. */
export const STORE_ROUTES: readonly Route<Call>[] = [stores, probe]
