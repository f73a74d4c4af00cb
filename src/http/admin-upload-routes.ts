import * as z from 'zod'
import { listAllUploads } from '../gateway/directory-admin/list-all-uploads.ts'
import { ADMIN_PAGE_QUERY, nextCursorSchema } from './admin-page.ts'
import { type Call, type Route, route } from './route.ts'
import { text } from './schemas.ts'
import { listUploadsQuery, uploadSchema } from './upload-schemas.ts'

const uploadsQuery = z
  .strictObject({
    tenant: text(128).optional().describe('Tenant id. Default: all'),
    user: text(128).optional().describe('User id, with tenant. Default: all'),
    status: listUploadsQuery.shape.status,
    ...ADMIN_PAGE_QUERY,
  })
  .refine(({ tenant, user }) => user === undefined || tenant !== undefined, {
    error: 'goes with tenant only',
    path: ['user'],
  })

const uploadsPage = z.object({
  uploads: z
    .array(
      uploadSchema.extend({ tenant: z.string(), user: z.string() }).meta({ id: 'OwnedUpload' }),
    )
    .describe(
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
