import * as z from 'zod/mini'
import { described, named } from '../described.ts'
import { listAllUploads } from '../gateway/directory-admin/list-all-uploads.ts'
import { ADMIN_PAGE_QUERY, nextCursorSchema } from './admin-page.ts'
import { type Call, type Route, route } from './route.ts'
import { text } from './schemas.ts'
import { listUploadsQuery, uploadSchema } from './upload-schemas.ts'

const uploadsQuery = z
  .strictObject({
    tenant: described(z.optional(text(128)), 'Tenant id. Default: all'),
    user: described(z.optional(text(128)), 'User id, with tenant. Default: all'),
    status: listUploadsQuery.shape.status,
    ...ADMIN_PAGE_QUERY,
  })
  .check(
    z.refine(({ tenant, user }) => user === undefined || tenant !== undefined, {
      error: 'goes with tenant only',
      path: ['user'],
    }),
  )

const uploadsPage = z.object({
  uploads: described(
    z.array(named(z.extend(uploadSchema, { tenant: z.string(), user: z.string() }), 'OwnedUpload')),
    'In the order of tenants, users and ids; may be empty on a page that is not the last',
  ),
  nextCursor: nextCursorSchema,
})

const uploads = route<Call>({
  method: 'GET',
  path: '/admin/v1/uploads',
  operationId: 'listAllUploads',
  summary: 'Uploads of one status, of everybody, a tenant or a user; never their grants',
  query: uploadsQuery,
  responses: { 200: { description: 'A page', schema: uploadsPage } },
  errors: ['NoSuchEntity', 'LedgerUnavailable'],
  async handle({ context, query }) {
    return Response.json(await listAllUploads(context, query as z.output<typeof uploadsQuery>))
  },
})

/** Routes of the admin API about uploads. */
export const ADMIN_UPLOAD_ROUTES: readonly Route<Call>[] = [uploads]
