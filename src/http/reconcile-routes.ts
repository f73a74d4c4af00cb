import * as z from 'zod'
import { toTimestamp } from '../clock.ts'
import { type ReconcileStep, reconcile } from '../gateway/reconcile/reconcile.ts'
import { type AdminCall, type Route, route } from './route.ts'

/** Findings of one answer; `found` counts all. */
const MAX_LISTED = 100

const reconcileBody = z
  .strictObject({
    run: z
      .string()
      .min(1)
      .max(64)
      .optional()
      .describe('The run to go on with, from the answer before; without it one is begun'),
    resume: z
      .boolean()
      .default(false)
      .describe('Go on with the youngest unfinished run of the last day that was begun likewise'),
    bucket: z
      .string()
      .min(1)
      .max(128)
      .optional()
      .describe('Only this bucket, of a new run: then stored totals are not compared'),
    repair: z.boolean().default(false).describe('Put right what can be, of a new run'),
    forget: z
      .boolean()
      .default(false)
      .describe(
        'Begin a run: buckets of earlier runs that are not configured now are empty for good',
      ),
    limit: z.int().min(1).max(1_000).default(500).describe('Objects of this step'),
  })
  .prefault({})

const action = z.enum([
  ...(['open', 'settled', 'rejected', 'adjusted', 'counted'] as const),
  ...(['busy', 'unclear', 'versioned', 'unnamed', 'new', 'failed'] as const),
])

const finding = z.object({
  kind: z.enum([
    ...(['forged', 'unverified', 'unsettled', 'late', 'condemned'] as const),
    ...(['resized', 'lost', 'gone', 'total'] as const),
  ]),
  action: action.describe(
    '`busy`: may be traffic, another run tells; `counted`: the stored totals take care of it; `new`: counts from now on',
  ),
  store: z.string().optional(),
  bucket: z.string().optional().describe("The store's own bucket"),
  key: z.string().optional(),
  uploadId: z.string().optional(),
  sizeBytes: z.int().optional().describe('At the store'),
  recordedBytes: z.int().optional().describe('By the ledger'),
  subject: z.string().optional().describe("Of a total: the ledger's own id of a user or tenant"),
  limitId: z.int().optional(),
  tenant: z.string().optional(),
  user: z.string().optional(),
  policy: z.string().optional(),
  posted: z.int().optional().describe('Of a total: what the ledger counted'),
  found: z.int().optional().describe('Of a total: what the stores hold'),
  objects: z.int().optional().describe('Of a `new` total: objects that are not counted in it'),
})

const stepSchema = z.object({
  run: z.string().describe('Its id, for the next step'),
  startedAt: z.string().describe('RFC 3339, UTC'),
  stage: z.enum(['objects', 'totals', 'done']),
  done: z.boolean(),
  clean: z.boolean().describe('Done, and nothing is left open'),
  repair: z.boolean(),
  bucket: z.string().optional(),
  place: z
    .object({ store: z.string(), bucket: z.string(), prefix: z.string() })
    .optional()
    .describe('What is listed next'),
  missing: z
    .array(z.object({ store: z.string(), bucket: z.string(), prefix: z.string() }))
    .optional()
    .describe('Where earlier runs looked and this one cannot: no total is lowered meanwhile'),
  counts: z.record(z.string(), z.int()).describe('Of the run so far'),
  found: z.int().describe('Findings of this step'),
  findings: z.array(finding).describe(`The first ${MAX_LISTED} of them`),
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
