import * as z from 'zod/mini'
import { described } from '../described.ts'
import { adjustUsage } from '../gateway/adjust-usage.ts'
import { auditLedger } from '../gateway/audit-ledger.ts'
import { MAX_LISTED, reportOf } from '../gateway/ledger-report.ts'
import { type AdminCall, type Route, route } from './route.ts'

const MAX_AMOUNT = 2 ** 50
/** Between two looks at what seems wrong, in milliseconds. */
const PAUSE_MS = 100

const id = (what: string) =>
  described(
    z
      .string()
      .check(
        z.regex(
          /^[^\p{Cc}\p{Cs}\p{Bidi_Control}]{1,128}$/u,
          'must be 1 to 128 characters without controls',
        ),
      ),
    what,
  )

const adjustmentBody = z.strictObject({
  id: described(
    z.string().check(z.regex(/^[!-~]{1,255}$/, 'must be 1 to 255 visible ASCII characters')),
    'Of your choice, unique within the tenant; the same one counts once for as long as the ledger remembers it: `ledger.retentionHours`, 24 unless configured',
  ),
  tenant: id('Tenant id'),
  user: z.optional(id('User id; needed for a limit that is counted per user, and for no other')),
  policy: described(
    z.string().check(z.minLength(1), z.maxLength(63)),
    'A quota of stored-bytes or stored-objects',
  ),
  delta: described(
    z.int().check(
      z.gte(-MAX_AMOUNT),
      z.lte(MAX_AMOUNT),
      z.refine((delta) => delta !== 0, 'must not be 0'),
    ),
    'Bytes or objects to add to what is used, which stays from 0 to 2^52; negative gives room back',
  ),
  reason: described(
    z
      .string()
      .check(
        z.regex(
          /^[^\p{Cc}\p{Cs}\p{Bidi_Control}]{1,500}$/u,
          'must be 1 to 500 characters without controls',
        ),
      ),
    'For the audit log',
  ),
})

const adjustedSchema = z.object({
  id: z.string(),
  tenant: z.string(),
  user: z.optional(z.string()),
  policy: z.string(),
  unit: z.enum(['stored-bytes', 'stored-objects']),
  delta: z.int(),
  reason: z.string(),
})

const adjust = route<AdminCall>({
  method: 'POST',
  path: '/admin/v1/adjustments',
  operationId: 'adjustUsage',
  summary: 'Credit or debit a stored total, once for each id',
  body: adjustmentBody,
  responses: {
    200: { description: 'It was posted before; nothing has changed', schema: adjustedSchema },
    201: { description: 'It is posted', schema: adjustedSchema },
  },
  errors: ['IdempotencyMismatch', 'LedgerUnavailable'],
  async handle({ context, body, requestId, admin }) {
    const { user, ...wanted } = body as z.output<typeof adjustmentBody>
    const adjustment = { ...wanted, ...(user !== undefined && { user }) }
    const { repeated, ...adjusted } = await adjustUsage(context, adjustment, {
      requestId,
      admin: admin.name,
    })
    return Response.json(adjusted, { status: repeated ? 200 : 201 })
  },
})

const counter = {
  subject: described(z.string(), "The ledger's own id of a user, a tenant or a store"),
  tenant: described(z.optional(z.string()), 'Absent for one that is not configured any more'),
  user: z.optional(z.string()),
  store: described(z.optional(z.string()), 'Of what a store holds, in one partition'),
  limitId: described(z.int(), "The ledger's own number of the policy"),
  policy: described(z.optional(z.string()), 'Absent for one that is in no plan any more'),
}
const partition = z.int()
const window = described(z.int(), 'When it began, in minutes since 1970; 0: a total')
const repaired = z.boolean()
const lines = <Line extends z.ZodMiniType>(line: Line) =>
  described(z.array(line), `The first ${MAX_LISTED}; \`found\` counts all`)

const reportSchema = z.object({
  checkedAt: described(z.string(), 'RFC 3339, UTC'),
  clean: described(z.boolean(), 'Nothing is wrong, or nothing any more'),
  counts: z.object({
    partitions: z.int(),
    pending: described(z.int(), 'Reservations that have not ended'),
    condemned: described(z.int(), 'Objects that came too late and are still to be deleted'),
    subjects: z.int(),
  }),
  found: z.object({
    drifts: z.int(),
    index: z.int(),
    negative: z.int(),
    unreadable: z.int(),
    stored: z.optional(z.int()),
  }),
  drifts: described(
    lines(z.object({ partition, ...counter, window, pending: z.int(), held: z.int(), repaired })),
    'Counters whose pending amount is not what reservations hold',
  ),
  index: described(
    lines(z.object({ partition, rid: z.string(), what: z.enum(['missing', 'stray']), repaired })),
    'Reservations that the sweeper would forget, or look at for nothing',
  ),
  negative: described(
    lines(z.object({ partition, ...counter, window, posted: z.int(), pending: z.int() })),
    'Counters below zero',
  ),
  unreadable: described(
    lines(z.object({ partition, name: z.string(), reason: z.string() })),
    'Values that are refused and left as they are',
  ),
  stored: described(
    z.optional(lines(z.object({ ...counter, posted: z.int(), found: z.int() }))),
    'Stored totals that are not what the stores list; adjustments put them right',
  ),
})

const auditBody = z.prefault(
  z.strictObject({
    repair: described(z._default(z.boolean(), false), 'Mend counters and index'),
    stored: described(
      z._default(z.boolean(), false),
      'Compare stored totals with the stores: a HEAD for every object',
    ),
  }),
  {},
)

const audit = route<AdminCall>({
  method: 'POST',
  path: '/admin/v1/ledger/audit',
  operationId: 'auditLedger',
  summary: 'Compare the ledger with itself and, on demand, with the stores; mend it on demand',
  body: auditBody,
  responses: { 200: { description: 'What is wrong, and what was mended', schema: reportSchema } },
  errors: ['LedgerUnavailable', 'StoreUnavailable'],
  async handle({ context, http, body, requestId, admin }) {
    const { repair, stored } = body as z.output<typeof auditBody>
    const { signal } = http.req.raw
    const isStopped = () => signal.aborted || context.lifecycle.state === 'draining'
    const how = {
      repair,
      stored,
      fresh: true,
      pause,
      askedBy: { requestId, admin: admin.name },
      isStopped,
    }
    const findings = await auditLedger(context, how)
    return Response.json(reportOf(context, findings))
  },
})

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
}

/** Routes of the admin API about what the ledger counts. */
export const LEDGER_ROUTES: readonly Route<AdminCall>[] = [adjust, audit]
