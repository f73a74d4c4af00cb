import type * as z from 'zod/mini'
import { noSuch } from '../gateway/directory-admin/admin-request.ts'
import type { ChangedEntity } from '../gateway/directory-admin/change-entity.ts'
import { changeTenant, deleteTenant } from '../gateway/directory-admin/change-tenant.ts'
import {
  tenantIds,
  tenantView,
  viewOfChange,
  writtenTenant,
} from '../gateway/directory-admin/entity-views.ts'
import { type JsonObject, mergePatch } from '../gateway/directory-admin/merge-patch.ts'
import { adminPage } from './admin-page.ts'
import { adminRequest, fitsFilter, newPathOf, pathOf } from './admin-request.ts'
import type { AppContext } from './app-context.ts'
import {
  tenantAnswer,
  tenantBody,
  tenantPatch,
  tenantPath,
  tenantsPage,
  tenantsQuery,
} from './directory-schemas.ts'
import { changedAnswer, ETAG, IF_MATCH, IF_NONE_MATCH, versionedAnswer } from './entity-tag.ts'
import { validate } from './read-body.ts'
import { type AdminCall, BODY_CAPS, type Route, route } from './route.ts'

type TenantBody = z.output<typeof tenantBody>

const list = route<AdminCall>({
  method: 'GET',
  path: '/admin/v1/tenants',
  operationId: 'listTenants',
  summary: 'Tenants, of the configuration file and of the directory',
  query: tenantsQuery,
  responses: { 200: { description: 'A page, by id', schema: tenantsPage } },
  errors: [],
  async handle({ context, query }) {
    const { limit, cursor, ...wanted } = query as z.output<typeof tenantsQuery>
    const { plan, source, suspended } = wanted
    const views = [...tenantIds(context)].flatMap((id) => tenantView(context, id)?.view ?? [])
    const { items, ...more } = adminPage(context, {
      scope: ['tenants', plan ?? '', source ?? '', suspended ?? ''],
      limit,
      cursor,
      items: views.filter((view) => fitsFilter(view, wanted)),
      nameOf: ({ id }) => id,
    })
    return Response.json({ tenants: items, ...more })
  },
})

const get = route<AdminCall>({
  method: 'GET',
  path: '/admin/v1/tenants/:tenant',
  operationId: 'getTenant',
  summary: 'A tenant',
  responses: { 200: { description: 'The tenant', schema: tenantAnswer, headers: { ETag: ETAG } } },
  errors: ['NoSuchEntity'],
  async handle({ context, http }) {
    const found = tenantView(context, pathOf({ http }, tenantPath).tenant)
    if (found === undefined) throw noSuch('tenant')
    return versionedAnswer(found.view, found)
  },
})

const CHANGE = {
  maxBodyBytes: BODY_CAPS.parts,
  headers: { 'If-Match': IF_MATCH, 'If-None-Match': IF_NONE_MATCH },
}

const put = route<AdminCall>({
  method: 'PUT',
  path: '/admin/v1/tenants/:tenant',
  operationId: 'putTenant',
  summary: 'Make a tenant, or replace its settings; members left out have their defaults',
  body: tenantBody,
  ...CHANGE,
  responses: {
    200: {
      description: 'It is replaced, or was so',
      schema: tenantAnswer,
      headers: { ETag: ETAG },
    },
    201: { description: 'It is made', schema: tenantAnswer, headers: { ETag: ETAG } },
  },
  errors: [
    'UnmodifiableEntity',
    'DeleteConflict',
    'PreconditionFailed',
    'LedgerUnavailable',
    'Overloaded',
  ],
  async handle(call) {
    const { context } = call
    const { tenant } = newPathOf(call, tenantPath)
    const request = { ...adminRequest(call), tenant, action: 'putTenant' }
    const changed = await changeTenant(context, request, () => call.body as TenantBody)
    return changedTenant(context, tenant, changed)
  },
})

const patch = route<AdminCall>({
  method: 'PATCH',
  path: '/admin/v1/tenants/:tenant',
  operationId: 'patchTenant',
  summary: 'Change members of a tenant’s settings; null takes one away (RFC 7396)',
  body: tenantPatch,
  ...CHANGE,
  responses: {
    200: { description: 'It is changed, or was so', schema: tenantAnswer, headers: { ETag: ETAG } },
  },
  errors: [
    'NoSuchEntity',
    'UnmodifiableEntity',
    'PreconditionFailed',
    'LedgerUnavailable',
    'Overloaded',
  ],
  async handle(call) {
    const { context, body } = call
    const { tenant } = pathOf(call, tenantPath)
    const request = { ...adminRequest(call), tenant, action: 'patchTenant' }
    const changed = await changeTenant(context, request, (current) => {
      if (current === undefined) throw noSuch('tenant')
      return validate(tenantBody, mergePatch(current, body as JsonObject), 'body') as TenantBody
    })
    return changedTenant(context, tenant, changed)
  },
})

const remove = route<AdminCall>({
  method: 'DELETE',
  path: '/admin/v1/tenants/:tenant',
  operationId: 'deleteTenant',
  summary: 'Remove a tenant without keys and without users that were set up; repeatable',
  headers: { 'If-Match': IF_MATCH },
  responses: { 204: { description: 'It is removed' } },
  errors: [
    'NoSuchEntity',
    'UnmodifiableEntity',
    'DeleteConflict',
    'PreconditionFailed',
    'LedgerUnavailable',
    'Overloaded',
  ],
  async handle(call) {
    await deleteTenant(call.context, { ...adminRequest(call), ...pathOf(call, tenantPath) })
    return new Response(null, { status: 204 })
  },
})

/** Routes of the admin API about tenants. */
export const TENANT_ROUTES: readonly Route<AdminCall>[] = [list, get, put, patch, remove]

function changedTenant(context: AppContext, id: string, changed: ChangedEntity): Response {
  const written = (settings: JsonObject) => writtenTenant(id, settings)
  return changedAnswer(changed, viewOfChange(changed, tenantView(context, id), written))
}
