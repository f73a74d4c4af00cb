import * as z from 'zod/mini'
import { described, named } from '../described.ts'
import { corsOf, MAX_ORIGINS } from '../gateway/cors.ts'
import { PAGE_USES } from '../gateway/page-requests.ts'
import { type AdminCall, type Route, route } from './route.ts'
import { text } from './schemas.ts'

const corsBody = z.strictObject({
  origins: described(
    z._default(z.array(text(300)).check(z.maxLength(MAX_ORIGINS)), []),
    'Of pages: scheme, host and port, like `https://app.example`',
  ),
  anyOrigin: described(
    z._default(z.boolean(), false),
    'Pages of every origin: whoever has a grant may use it from anywhere',
  ),
  bucket: z.optional(described(text(256), 'Gateway bucket; default: every bucket of the store')),
  apply: described(z._default(z.boolean(), false), "Put the rules; the bucket's others stay"),
})

const ruleSchema = z.object({
  id: z.optional(z.string()),
  origins: z.array(z.string()),
  methods: z.array(z.string()),
  headers: z.array(z.string()),
  exposed: z.array(z.string()),
  maxAgeSeconds: z.optional(z.int()),
})

const pageSchema = z.object({
  origin: described(z.string(), '`*` stands for one that nobody has'),
  use: described(
    z.enum(PAGE_USES),
    '`settings`: a PUT that binds all that an upload may bind besides',
  ),
  allowed: z.boolean(),
  why: z.optional(
    described(
      z.enum(['unreachable', 'status', 'origin', 'method', 'headers', 'answer']),
      '`answer`: it would be sent, and the page could not read what comes back',
    ),
  ),
  refusedHeaders: z.array(z.string()),
  exposesEtag: described(
    z.enum(['yes', 'no', 'unknown']),
    'Whether scripts can read it; some stores tell on the answer itself alone',
  ),
  seen: described(z.string(), "The store's answer in a few words"),
})

const storeCorsSchema = named(
  z.object({
    store: z.string(),
    allowed: described(z.boolean(), 'A browser is refused nothing'),
    buckets: z.array(
      z.object({
        bucket: described(z.string(), "The store's own name of it"),
        api: described(
          z.enum(['yes', 'no', 'unknown']),
          'Whether rules can be read and put; `unknown`: see `problem`',
        ),
        rules: described(z.optional(z.array(ruleSchema)), 'As they were'),
        wanted: described(z.optional(z.array(ruleSchema)), 'As they are to be'),
        differs: described(z.boolean(), 'There is something to put'),
        applied: described(z.boolean(), 'It was put'),
        pages: described(z.array(pageSchema), 'What a browser is told, after what was put'),
        allowed: z.boolean(),
        notes: described(z.array(z.string()), 'What to set at a store without rules, and warnings'),
        problem: z.optional(z.string()),
      }),
    ),
  }),
  'StoreCors',
)

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
