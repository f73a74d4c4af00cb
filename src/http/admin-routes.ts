import * as z from 'zod/mini'
import { GatewayError } from '../errors.ts'
import { sweep } from '../gateway/sweep.ts'
import { usageOf } from '../gateway/usage.ts'
import { bucketsSchema } from './admin-schemas.ts'
import { ADMIN_UPLOAD_ROUTES } from './admin-upload-routes.ts'
import { AUDIT_ROUTES } from './audit-routes.ts'
import { CONFIG_ROUTES } from './config-routes.ts'
import { CORS_ROUTES } from './cors-routes.ts'
import { KEY_ROUTES } from './key-routes.ts'
import { LEDGER_ROUTES } from './ledger-routes.ts'
import { PLAN_ROUTES } from './plan-routes.ts'
import { RECONCILE_ROUTES } from './reconcile-routes.ts'
import { type AdminCall, type Call, type Route, route } from './route.ts'
import { usageSchema } from './schemas.ts'
import { STORE_ROUTES } from './store-routes.ts'
import { TENANT_ROUTES } from './tenant-routes.ts'
import { USER_ROUTES } from './user-routes.ts'

const buckets = route<Call>({
  method: 'GET',
  path: '/admin/v1/buckets',
  operationId: 'listBuckets',
  summary: 'Buckets, their rules and where their objects live',
  responses: { 200: { description: 'The buckets', schema: bucketsSchema } },
  errors: [],
  async handle({ context }) {
    const shown = [...context.config.buckets.values()].map((bucket) => ({
      name: bucket.name,
      keys: bucket.keys,
      upload: {
        ...bucket.upload,
        contentTypes: [...bucket.upload.contentTypes],
        storageClasses: [...bucket.upload.storageClasses],
        tagKeys: [...bucket.upload.tagKeys],
        encryption: {
          ...bucket.upload.encryption,
          allowed: [...bucket.upload.encryption.allowed],
        },
      },
      download: bucket.download,
      placements: bucket.placements.map(({ store, bucket: name, prefix }) => ({
        store: store.name,
        bucket: name,
        prefix,
      })),
    }))
    return Response.json({ buckets: shown })
  },
})

const usageQuery = z.strictObject({
  tenant: z.string().check(z.minLength(1)),
  user: z.string().check(z.minLength(1)),
})

const usage = route<Call>({
  method: 'GET',
  path: '/admin/v1/usage',
  operationId: 'getUsageOf',
  summary: 'Every limit of one user and of its tenant',
  query: usageQuery,
  responses: { 200: { description: 'The limits', schema: usageSchema } },
  errors: ['LedgerUnavailable'],
  async handle({ context, query }) {
    const { tenant, user } = query as z.output<typeof usageQuery>
    if (context.config.tenants.get(tenant)?.users.has(user) !== true) {
      throw new GatewayError('InvalidRequest', 'Cannot read the usage: no such tenant and user')
    }
    return Response.json(await usageOf(context, { tenant, user }))
  },
})

const sweepResult = z.object({ claimed: z.int(), ended: z.int(), failed: z.int() })

const sweepNow = route<Call>({
  method: 'POST',
  path: '/admin/v1/sweep',
  operationId: 'sweep',
  summary: 'Look now at every reservation that is due, as the sweeper does by itself',
  body: z.optional(z.strictObject({})),
  responses: { 200: { description: 'What came of it', schema: sweepResult } },
  errors: ['LedgerUnavailable'],
  async handle({ context }) {
    return Response.json(await sweep(context))
  },
})

/** Routes of the admin API. */
export const ADMIN_ROUTES: readonly Route<AdminCall>[] = [
  ...STORE_ROUTES,
  buckets,
  ...PLAN_ROUTES,
  ...TENANT_ROUTES,
  ...USER_ROUTES,
  ...KEY_ROUTES,
  usage,
  sweepNow,
  ...CONFIG_ROUTES,
  ...ADMIN_UPLOAD_ROUTES,
  ...LEDGER_ROUTES,
  ...CORS_ROUTES,
  ...RECONCILE_ROUTES,
  ...AUDIT_ROUTES,
]
