import type * as z from 'zod/mini'
import { parseInstant } from '../config/parse-instant.ts'
import { GatewayError } from '../errors.ts'
import { resourceOf } from '../gateway/audited-change.ts'
import { changeKey, type KeyRequest, revokeKey, rotateKey } from '../gateway/keys/change-key.ts'
import { createKey, type IssuedKey } from '../gateway/keys/create-key.ts'
import { keyView } from '../gateway/keys/key-view.ts'
import { type KeyFilter, keysMatching, withLastUse } from '../gateway/keys/list-keys.ts'
import { keyVersion, type StoredKey, storedKey } from '../gateway/keys/stored-key.ts'
import { adminPage } from './admin-page.ts'
import { adminRequest } from './admin-request.ts'
import type { AppContext } from './app-context.ts'
import { ETAG, entityTag, IF_MATCH, versionedAnswer } from './entity-tag.ts'
import {
  changeKeySchema,
  createKeySchema,
  issuedKeySchema,
  keyPageSchema,
  keySchema,
  keysQuery,
  rotateKeySchema,
  tenantKeysQuery,
} from './key-schemas.ts'
import { type AdminCall, BODY_CAPS, type Route, route } from './route.ts'

const KEYS_PATH = '/admin/v1/tenants/:tenant/keys'
const KEY_PATH = `${KEYS_PATH}/:key`

const list = route<AdminCall>({
  method: 'GET',
  path: '/admin/v1/keys',
  operationId: 'listAllKeys',
  summary: 'API keys of all tenants, without their secrets',
  query: keysQuery,
  responses: { 200: { description: 'A page of keys', schema: keyPageSchema } },
  errors: [],
  async handle({ context, query }) {
    return listed(context, query as z.output<typeof keysQuery>)
  },
})

const listOfTenant = route<AdminCall>({
  method: 'GET',
  path: KEYS_PATH,
  operationId: 'listKeys',
  summary: 'API keys of a tenant, without their secrets',
  query: tenantKeysQuery,
  responses: { 200: { description: 'A page of keys', schema: keyPageSchema } },
  errors: ['NoSuchEntity'],
  async handle({ context, http, query }) {
    const tenant = http.req.param('tenant') ?? ''
    if (!context.config.tenants.has(tenant)) {
      throw new GatewayError('NoSuchEntity', 'Cannot list the keys: there is no such tenant')
    }
    return listed(context, { ...(query as z.output<typeof tenantKeysQuery>), tenant })
  },
})

const create = route<AdminCall>({
  method: 'POST',
  path: KEYS_PATH,
  operationId: 'createKey',
  summary: 'Make an API key; its secret is shown this once',
  body: createKeySchema,
  maxBodyBytes: BODY_CAPS.parts,
  responses: {
    201: {
      description: 'The key with its secret',
      schema: issuedKeySchema,
      headers: { Location: 'Path of the key', ETag: ETAG },
    },
  },
  errors: [
    'AccessDenied',
    'NoSuchEntity',
    'EntityAlreadyExists',
    'Overloaded',
    'LedgerUnavailable',
  ],
  async handle(call) {
    const { expiresAt, ...body } = call.body as z.output<typeof createKeySchema>
    const tenant = call.http.req.param('tenant') ?? ''
    const expiresAtMs = expiresAt === undefined ? undefined : parseInstant(expiresAt)
    const issued = await createKey(
      call.context,
      { ...body, tenant, expiresAtMs },
      adminRequest(call),
    )
    return issuedAnswer(call, issued, 201)
  },
})

const get = route<AdminCall>({
  method: 'GET',
  path: KEY_PATH,
  operationId: 'getKey',
  summary: 'An API key without its secret',
  responses: { 200: { description: 'The key', schema: keySchema, headers: { ETag: ETAG } } },
  errors: ['NoSuchEntity'],
  async handle({ context, http }) {
    const stored = storedKey(context, placeOf(http))
    const [shown] = await withLastUse(context, [keyView(context, stored)])
    return versionedAnswer(shown, { version: keyVersion(context, stored) })
  },
})

const CHANGE_ERRORS = [
  'NoSuchEntity',
  'UnmodifiableEntity',
  'PreconditionFailed',
  'Overloaded',
  'LedgerUnavailable',
] as const
const CHANGE_HEADERS = { 'If-Match': IF_MATCH }

const change = route<AdminCall>({
  method: 'PATCH',
  path: KEY_PATH,
  operationId: 'changeKey',
  summary: 'Change label, end or rules of an API key',
  body: changeKeySchema,
  maxBodyBytes: BODY_CAPS.parts,
  headers: CHANGE_HEADERS,
  responses: { 200: { description: 'The key', schema: keySchema, headers: { ETag: ETAG } } },
  errors: ['AccessDenied', ...CHANGE_ERRORS],
  async handle(call) {
    const { context } = call
    const { label, expiresAt, allow } = call.body as z.output<typeof changeKeySchema>
    const expiresAtMs = typeof expiresAt === 'string' ? parseInstant(expiresAt) : expiresAt
    const changed = await changeKey(context, {
      ...requestOf(call),
      change: {
        ...(label !== undefined && { label }),
        ...(expiresAtMs !== undefined && { expiresAtMs }),
        ...(allow !== undefined && { allow }),
      },
    })
    const { key, version } = changed
    const [shown] = await withLastUse(context, [keyView(context, { source: 'admin', key })])
    return versionedAnswer(shown, { version })
  },
})

const rotate = route<AdminCall>({
  method: 'POST',
  path: `${KEY_PATH}/rotate`,
  operationId: 'rotateKey',
  summary: 'Give an API key a new secret; the ones before it go on for a while',
  body: rotateKeySchema,
  headers: CHANGE_HEADERS,
  responses: {
    200: {
      description: 'The key with its new secret',
      schema: issuedKeySchema,
      headers: { ETag: ETAG },
    },
  },
  errors: ['DeleteConflict', ...CHANGE_ERRORS],
  async handle(call) {
    const { overlapSeconds } = call.body as z.output<typeof rotateKeySchema>
    const overlapMs = overlapSeconds * 1_000
    const issued = await rotateKey(call.context, { ...requestOf(call), overlapMs })
    return issuedAnswer(call, issued, 200)
  },
})

const revoke = route<AdminCall>({
  method: 'DELETE',
  path: KEY_PATH,
  operationId: 'revokeKey',
  summary: 'Revoke an API key, for good: every gateway refuses it within 2 seconds',
  headers: CHANGE_HEADERS,
  responses: { 204: { description: 'It is revoked' } },
  errors: CHANGE_ERRORS,
  async handle(call) {
    await revokeKey(call.context, requestOf(call))
    return new Response(null, { status: 204 })
  },
})

async function listed(
  context: AppContext,
  { limit, cursor, ...filter }: z.output<typeof keysQuery>,
): Promise<Response> {
  const scope = ['keys', JSON.stringify(filter satisfies KeyFilter)]
  // The configuration file may have a key of the same id.
  const nameOf = ({ key, source }: StoredKey) => `${key.id} ${source}`
  const all = keysMatching(context, filter)
  const { items, ...rest } = adminPage(context, { scope, limit, cursor, items: all, nameOf })
  const shown = items.map((stored) => keyView(context, stored))
  return Response.json({ keys: await withLastUse(context, shown), ...rest })
}

function issuedAnswer(
  { context }: AdminCall,
  { key, secret, version }: IssuedKey,
  status: number,
): Response {
  const view = keyView(context, { source: 'admin', key })
  const location = `/admin/v1/${resourceOf('tenants', key.tenant, 'keys', key.id)}`
  return Response.json(
    { ...view, secret: secret.reveal() },
    { status, headers: { etag: entityTag(version), ...(status === 201 && { location }) } },
  )
}

function placeOf(http: AdminCall['http']): { tenant: string; id: string } {
  return { tenant: http.req.param('tenant') ?? '', id: http.req.param('key') ?? '' }
}

function requestOf(call: AdminCall): KeyRequest {
  return { ...placeOf(call.http), ...adminRequest(call) }
}

/** Routes of the admin API about API keys. */
export const KEY_ROUTES: readonly Route<AdminCall>[] = [
  list,
  listOfTenant,
  create,
  get,
  change,
  rotate,
  revoke,
]
