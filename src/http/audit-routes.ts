import * as z from 'zod/mini'
import { auditEventSchema } from '../audit/event-schema.ts'
import { AUDIT_KINDS } from '../audit/port.ts'
import { described, named } from '../described.ts'
import { queryAudit } from '../gateway/query-audit.ts'
import { ADMIN_PAGE_QUERY } from './admin-page.ts'
import { type AdminCall, type Route, route } from './route.ts'
import { bucketName, text } from './schemas.ts'

const moment = (what: string) =>
  described(
    z.pipe(
      z.iso.datetime('must be a moment in RFC 3339, UTC, like 2026-01-15T12:00:00Z'),
      z.transform((value) => Date.parse(value)),
    ),
    what,
  )

const auditQuery = z.strictObject({
  tenant: described(z.exactOptional(text(128)), 'Tenant id'),
  user: described(z.exactOptional(text(128)), 'User id, of any tenant unless one is given'),
  bucket: z.exactOptional(bucketName),
  event: described(
    z.exactOptional(
      z.enum(AUDIT_KINDS, 'must be an event of the API description, like upload.granted'),
    ),
    'What happened',
  ),
  grantHash: described(
    z.exactOptional(
      z.string().check(z.regex(/^[0-9a-f]{16}$/, 'must be 16 hex digits, in lower case')),
    ),
    'Of a URL that was found somewhere: the first 16 hex digits of its SHA-256; of a form, of its policy',
  ),
  requestId: described(z.exactOptional(text(128)), '`X-Request-Id` of an answer'),
  keyId: described(z.exactOptional(text(128)), 'Id of an API key'),
  uploadId: z.exactOptional(text(128)),
  since: z.exactOptional(moment('Events of this moment and later; RFC 3339, UTC')),
  until: z.exactOptional(moment('Events before this moment; RFC 3339, UTC')),
  ...ADMIN_PAGE_QUERY,
})

const auditPageSchema = named(
  z.object({
    events: described(z.array(auditEventSchema), 'Newest first'),
    nextCursor: described(
      z.optional(z.string()),
      'There may be more: hand it in as `cursor`. One call looks at so many records and no more, so a page with few events, or none, can have one',
    ),
  }),
  'AuditPage',
)

const query = route<AdminCall>({
  method: 'GET',
  path: '/admin/v1/audit',
  operationId: 'queryAudit',
  summary:
    'The audit log by tenant, user, bucket, event, grant, request, key, upload and time, newest first',
  query: auditQuery,
  responses: { 200: { description: 'A page of events', schema: auditPageSchema } },
  errors: ['NoSuchRoute', 'AuditUnavailable'],
  async handle({ context, query: given }) {
    const { since, until, limit, cursor, ...filters } = given as z.output<typeof auditQuery>
    const wanted = {
      ...filters,
      limit,
      cursor,
      ...(since !== undefined && { sinceMs: since }),
      ...(until !== undefined && { untilMs: until }),
    }
    return Response.json(await queryAudit(context, wanted))
  },
})

/** Routes of the admin API about what has happened. */
export const AUDIT_ROUTES: readonly Route<AdminCall>[] = [query]
