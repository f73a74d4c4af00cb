import * as z from 'zod/mini'
import { described, named } from '../described.ts'
import { FINDING_CODES, FINDING_LEVELS } from '../gateway/diagnosis.ts'
import { lazily } from '../lazily.ts'
import { type Route, route } from './route.ts'
import { text } from './schemas.ts'

const MAX_HEADERS = 40

const diagnosing = lazily(() => import('../gateway/diagnose-upload.ts'))

const diagnosisQuery = z.strictObject({
  origin: z.optional(described(text(300), 'Origin of the page that failed: scheme, host and port')),
  headers: z.optional(
    described(
      z
        .pipe(
          z
            .string()
            .check(
              z.regex(
                /^[A-Za-z0-9_-]{1,64}(?:,[A-Za-z0-9_-]{1,64})*$/,
                'must be names of headers with commas between them',
              ),
            ),
          z.transform((names) => [...new Set(names.toLowerCase().split(','))]),
        )
        .check(
          z.refine((names) => names.length <= MAX_HEADERS, `must be ${MAX_HEADERS} names at most`),
        ),
      'Names of the headers that the page sets, with commas between them',
    ),
  ),
})

const diagnosisSchema = named(
  z.object({
    id: z.string(),
    status: z.enum(['pending', 'completed', 'aborted', 'expired', 'rejected']),
    findings: described(
      z.array(
        z.object({
          code: z.enum(FINDING_CODES),
          level: described(
            z.enum(FINDING_LEVELS),
            '`problem`: stands in the way; `hint`: may do so; `ok`: looked at, and right',
          ),
          message: described(z.string(), 'For people'),
          fix: described(z.optional(z.string()), 'What to do'),
        }),
      ),
      'Problems first, then hints',
    ),
  }),
  'Diagnosis',
)

const diagnose = route({
  method: 'GET',
  path: '/v1/uploads/:id/diagnosis',
  operationId: 'diagnoseUpload',
  summary:
    'Why an upload by a browser may have failed, by what the store says; one request is charged',
  query: diagnosisQuery,
  responses: { 200: { description: 'What was found', schema: diagnosisSchema } },
  errors: [
    'AccessDenied',
    'NoSuchUpload',
    'QuotaExceeded',
    'SlowDown',
    'LedgerUnavailable',
    'Overloaded',
  ],
  async handle({ context, principal, http, query }) {
    const { origin, headers } = query as z.output<typeof diagnosisQuery>
    const uploadId = http.req.param('id') ?? ''
    const { diagnoseUpload } = await diagnosing()
    return Response.json(await diagnoseUpload(context, { principal, uploadId, origin, headers }))
  },
})

/** Routes that explain. */
export const DIAGNOSIS_ROUTES: readonly Route[] = [diagnose]
