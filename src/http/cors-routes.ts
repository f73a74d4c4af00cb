import * as z from 'zod'
import { corsOf, MAX_ORIGINS } from '../gateway/cors.ts'
import { PAGE_USES } from '../gateway/page-requests.ts'
import { type AdminCall, type Route, route } from './route.ts'
import { text } from './schemas.ts'

const corsBody = z.strictObject({
  origins: z
    .array(text(300))
    .max(MAX_ORIGINS)
    .default([])
    .describe('Of pages: scheme, host and port, like `https://app.example`'),
  anyOrigin: z
    .boolean()
    .default(false)
    .describe('Pages of every origin: whoever has a grant may use it from anywhere'),
  bucket: text(256).describe('Gateway bucket; default: every bucket of the store').optional(),
  apply: z.boolean().default(false).describe("Put the rules; the bucket's others stay"),
})

const ruleSchema = z.object({
  id: z.string().optional(),
  origins: z.array(z.string()),
  methods: z.array(z.string()),
  headers: z.array(z.string()),
  exposed: z.array(z.string()),
  maxAgeSeconds: z.int().optional(),
})

const pageSchema = z.object({
  origin: z.string().describe('`*` stands for one that nobody has'),
  use: z
    .enum(PAGE_USES)
    .describe('`settings`: a PUT that binds all that an upload may bind besides'),
  allowed: z.boolean(),
  why: z
    .enum(['unreachable', 'status', 'origin', 'method', 'headers', 'answer'])
    .describe('`answer`: it would be sent, and the page could not read what comes back')
    .optional(),
  refusedHeaders: z.array(z.string()),
  exposesEtag: z
    .enum(['yes', 'no', 'unknown'])
    .describe('Whether scripts can read it; some stores tell on the answer itself alone'),
  seen: z.string().describe("The store's answer in a few words"),
})

const storeCorsSchema = z
  .object({
    store: z.string(),
    allowed: z.boolean().describe('A browser is refused nothing'),
    buckets: z.array(
      z.object({
        bucket: z.string().describe("The store's own name of it"),
        api: z
          .enum(['yes', 'no', 'unknown'])
          .describe('Whether rules can be read and put; `unknown`: see `problem`'),
        rules: z.array(ruleSchema).optional().describe('As they were'),
        wanted: z.array(ruleSchema).optional().describe('As they are to be'),
        differs: z.boolean().describe('There is something to put'),
        applied: z.boolean().describe('It was put'),
        pages: z.array(pageSchema).describe('What a browser is told, after what was put'),
        allowed: z.boolean(),
        notes: z.array(z.string()).describe('What to set at a store without rules, and warnings'),
        problem: z.string().optional(),
      }),
    ),
  })
  .meta({ id: 'StoreCors' })

const cors = route<AdminCall>({
  method: 'POST',
  path: '/admin/v1/stores/:store/cors',
  operationId: 'checkStoreCors',
  summary: 'What pages of some origins are refused by a store; on demand, put the rules they need',
  body: corsBody,
  responses: { 200: { description: 'What was seen and done', schema: storeCorsSchema } },
  errors: ['NoSuchStore', 'StoreUnavailable', 'Overloaded'],
  async handle({ context, http, body, requestId, admin }) {
    const wanted = body as z.output<typeof corsBody>
    const store = http.req.param('store') ?? ''
    const askedBy = { requestId, admin: admin.name }
    return Response.json(await corsOf(context, { ...wanted, store, askedBy }))
  },
})

/** Routes of the admin API about pages of other origins. */
export const CORS_ROUTES: readonly Route<AdminCall>[] = [cors]
