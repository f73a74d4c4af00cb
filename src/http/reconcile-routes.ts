import * as z from 'zod/mini'
import { toTimestamp } from '../clock.ts'
import { described } from '../described.ts'
import { type ReconcileStep, reconcile } from '../gateway/reconcile/reconcile.ts'
import { type AdminCall, type Route, route } from './route.ts'

/** Findings of one answer; `found` counts all. */
const MAX_LISTED = 100

const reconcileBody = z.prefault(
  z.strictObject({
    run: described(
      z.optional(z.string().check(z.minLength(1), z.maxLength(64))),
      'The run to go on with, from the answer before; without it one is begun',
    ),
    resume: described(
      z._default(z.boolean(), false),
      'Go on with the youngest unfinished run of the last day that was begun likewise',
    ),
    bucket: described(
      z.optional(z.string().check(z.minLength(1), z.maxLength(128))),
      'Only this bucket, of a new run: then stored totals are not compared',
    ),
    repair: described(z._default(z.boolean(), false), 'Put right what can be, of a new run'),
    forget: described(
      z._default(z.boolean(), false),
      'Begin a run: buckets of earlier runs that are not configured now are empty for good',
    ),
    limit: described(
      z._default(z.int().check(z.gte(1), z.lte(1_000)), 500),
      'Objects of this step',
    ),
  }),
  {},
)

const action = z.enum([
  ...(['open', 'settled', 'rejected', 'adjusted', 'counted'] as const),
  ...(['busy', 'unclear', 'versioned', 'unnamed', 'new', 'failed'] as const),
])

const finding = z.object({
  kind: z.enum([
    ...(['forged', 'unverified', 'unsettled', 'late', 'condemned'] as const),
    ...(['resized', 'lost', 'gone', 'total'] as const),
  ]),
  action: described(
    action,
    '`busy`: may be traffic, another run tells; `counted`: the stored totals take care of it; `new`: counts from now on',
  ),
  store: z.optional(z.string()),
  bucket: described(z.optional(z.string()), "The store's own bucket"),
  key: z.optional(z.string()),
  uploadId: z.optional(z.string()),
  sizeBytes: described(z.optional(z.int()), 'At the store'),
  recordedBytes: described(z.optional(z.int()), 'By the ledger'),
  subject: described(
    z.optional(z.string()),
    "Of a total: the ledger's own id of a user, a tenant or a store",
  ),
  limitId: z.optional(z.int()),
  tenant: z.optional(z.string()),
  user: z.optional(z.string()),
  policy: z.optional(z.string()),
  posted: described(z.optional(z.int()), 'Of a total: what the ledger counted'),
  found: described(z.optional(z.int()), 'Of a total: what the stores hold'),
  objects: described(z.optional(z.int()), 'Of a `new` total: objects that are not counted in it'),
})

const stepSchema = z.object({
  run: described(z.string(), 'Its id, for the next step'),
  startedAt: described(z.string(), 'RFC 3339, UTC'),
  stage: z.enum(['objects', 'totals', 'done']),
  done: z.boolean(),
  clean: described(z.boolean(), 'Done, and nothing is left open'),
  repair: z.boolean(),
  bucket: z.optional(z.string()),
  place: described(
    z.optional(z.object({ store: z.string(), bucket: z.string(), prefix: z.string() })),
    'What is listed next',
  ),
  missing: described(
    z.optional(z.array(z.object({ store: z.string(), bucket: z.string(), prefix: z.string() }))),
    'Where earlier runs looked and this one cannot: no total is lowered meanwhile',
  ),
  counts: described(z.record(z.string(), z.int()), 'Of the run so far'),
  found: described(z.int(), 'Findings of this step'),
  findings: described(z.array(finding), `The first ${MAX_LISTED} of them`),
})

const reconcileRoute = route<AdminCall>({
  method: 'POST',
  path: '/admin/v1/reconcile',
  operationId: 'reconcile',
  summary: 'One step of comparing listings, tickets and the ledger; repairs on demand',
  body: reconcileBody,
  responses: { 200: { description: 'What this step found', schema: stepSchema } },
  errors: ['LedgerUnavailable', 'StoreUnavailable'],
  async handle({ context, http, body, requestId, admin }) {
    const { run, bucket, ...how } = body as z.output<typeof reconcileBody>
    const { signal } = http.req.raw
    const isStopped = () => signal.aborted || context.lifecycle.state === 'draining'
    const askedBy = { requestId, admin: admin.name }
    const which = { ...(run !== undefined && { run }), ...(bucket !== undefined && { bucket }) }
    return Response.json(viewOf(await reconcile(context, { ...how, ...which, askedBy, isStopped })))
  },
})

/** A step as operators read it. */
export type ReconcileView = ReturnType<typeof viewOf>

function viewOf({ run, findings }: ReconcileStep) {
  const { id, startedMs, stage, repair, bucket, missing = [], counts } = run
  const place = stage === 'objects' ? run.places[run.at] : undefined
  return {
    run: id,
    startedAt: toTimestamp(startedMs),
    stage,
    done: stage === 'done',
    clean: stage === 'done' && counts.open === 0,
    repair,
    ...(bucket !== undefined && { bucket }),
    ...(place !== undefined && { place: placeView(place) }),
    ...(missing.length > 0 && { missing: missing.map(placeView) }),
    counts,
    found: findings.length,
    findings: findings.slice(0, MAX_LISTED),
  }
}

function placeView([store, bucket, prefix]: ReconcileStep['run']['places'][number]) {
  return { store, bucket, prefix }
}

/** Routes of the admin API that compare stores and ledger. */
export const RECONCILE_ROUTES: readonly Route<AdminCall>[] = [reconcileRoute]
