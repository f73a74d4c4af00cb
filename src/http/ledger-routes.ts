import * as z from 'zod'
import { adjustUsage } from '../gateway/adjust-usage.ts'
import { auditLedger } from '../gateway/audit-ledger.ts'
import { MAX_LISTED, reportOf } from '../gateway/ledger-report.ts'
import { type AdminCall, type Route, route } from './route.ts'

const MAX_AMOUNT = 2 ** 50
/** Between two looks at what seems wrong, in milliseconds. */
const PAUSE_MS = 100

const id = (what: string) =>
  z
    .string()
    .regex(
      /^[^\p{Cc}\p{Cs}\p{Bidi_Control}]{1,128}$/u,
      'must be 1 to 128 characters without controls',
    )
    .describe(what)

const adjustmentBody = z.strictObject({
  id: z
    .string()
    .regex(/^[!-~]{1,255}$/, 'must be 1 to 255 visible ASCII characters')
    .describe(
      'Of your choice, unique within the tenant; the same one counts once for as long as the ledger remembers it: `ledger.retentionHours`, 24 unless configured',
    ),
  tenant: id('Tenant id'),
  user: id('User id; needed for a limit that is counted per user, and for no other').optional(),
  policy: z.string().min(1).max(63).describe('A quota of stored-bytes or stored-objects'),
  delta: z
    .int()
    .min(-MAX_AMOUNT)
    .max(MAX_AMOUNT)
    .refine((delta) => delta !== 0, 'must not be 0')
    .describe(
      'Bytes or objects to add to what is used, which stays from 0 to 2^52; negative gives room back',
    ),
  reason: z
    .string()
    .regex(
      /^[^\p{Cc}\p{Cs}\p{Bidi_Control}]{1,500}$/u,
      'must be 1 to 500 characters without controls',
    )
    .describe('For the audit log'),
})

const adjustedSchema = z.object({
  id: z.string(),
  tenant: z.string(),
  user: z.string().optional(),
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
  subject: z.string().describe("The ledger's own id of a user or tenant"),
  tenant: z.string().optional().describe('Absent for one that is not configured any more'),
  user: z.string().optional(),
  limitId: z.int().describe("The ledger's own number of the policy"),
  policy: z.string().optional().describe('Absent for one that is in no plan any more'),
}
const partition = z.int()
const window = z.int().describe('When it began, in minutes since 1970; 0: a total')
const repaired = z.boolean()
const lines = <Line extends z.ZodType>(line: Line) =>
  z.array(line).describe(`The first ${MAX_LISTED}; \`found\` counts all`)

const reportSchema = z.object({
  checkedAt: z.string().describe('RFC 3339, UTC'),
  clean: z.boolean().describe('Nothing is wrong, or nothing any more'),
  counts: z.object({
    partitions: z.int(),
    pending: z.int().describe('Reservations that have not ended'),
    condemned: z.int().describe('Objects that came too late and are still to be deleted'),
    subjects: z.int(),
  }),
  found: z.object({
    drifts: z.int(),
    index: z.int(),
    negative: z.int(),
    unreadable: z.int(),
    stored: z.int().optional(),
  }),
  drifts: lines(
    z.object({ partition, ...counter, window, pending: z.int(), held: z.int(), repaired }),
  ).describe('Counters whose pending amount is not what reservations hold'),
  index: lines(
    z.object({ partition, rid: z.string(), what: z.enum(['missing', 'stray']), repaired }),
  ).describe('Reservations that the sweeper would forget, or look at for nothing'),
  negative: lines(
    z.object({ partition, ...counter, window, posted: z.int(), pending: z.int() }),
  ).describe('Counters below zero'),
  unreadable: lines(z.object({ partition, name: z.string(), reason: z.string() })).describe(
    'Values that are refused and left as they are',
  ),
  stored: lines(z.object({ ...counter, posted: z.int(), found: z.int() }))
    .optional()
    .describe('Stored totals that are not what the stores list; adjustments put them right'),
})

const auditBody = z
  .strictObject({
    repair: z.boolean().default(false).describe('Mend counters and index'),
    stored: z
      .boolean()
      .default(false)
      .describe('Compare stored totals with the stores: a HEAD for every object'),
  })
  .prefault({})

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
