import type * as z from 'zod/mini'
import { noSuch } from '../gateway/directory-admin/admin-request.ts'
import type { ChangedEntity } from '../gateway/directory-admin/change-entity.ts'
import { changeUser, deleteUser } from '../gateway/directory-admin/change-user.ts'
import {
  userIds,
  userView,
  viewOfChange,
  writtenUser,
} from '../gateway/directory-admin/entity-views.ts'
import { type JsonObject, mergePatch } from '../gateway/directory-admin/merge-patch.ts'
import { adminPage } from './admin-page.ts'
import { adminRequest, fitsFilter, newPathOf, pathOf } from './admin-request.ts'
import type { AppContext } from './app-context.ts'
import {
  tenantPath,
  userAnswer,
  userBody,
  userPatch,
  userPath,
  usersPage,
  usersQuery,
} from './directory-schemas.ts'
import { changedAnswer, ETAG, IF_MATCH, IF_NONE_MATCH, versionedAnswer } from './entity-tag.ts'
import { validate } from './read-body.ts'
import { type AdminCall, type Route, route } from './route.ts'

type UserBody = z.output<typeof userBody>

const list = route<AdminCall>({
  method: 'GET',
  path: '/admin/v1/tenants/:tenant/users',
  operationId: 'listUsers',
  summary: 'Users of a tenant: configured, made here, or seen by their tokens',
  query: usersQuery,
  responses: { 200: { description: 'A page, by id', schema: usersPage } },
  errors: ['NoSuchEntity'],
  async handle({ context, http, query }) {
    const { tenant } = pathOf({ http }, tenantPath)
    assertTenant(context, tenant)
    const { limit, cursor, ...wanted } = query as z.output<typeof usersQuery>
    const { plan, source, suspended } = wanted
    const isFiltered = plan !== undefined || source !== undefined || suspended !== undefined
    const viewOf = (id: string) => userView(context, tenant, id)?.view
    const ids = [...userIds(context, tenant)].filter((id) => {
      // Views are dear, and of most users none is asked for.
      const view = isFiltered ? viewOf(id) : undefined
      return !isFiltered || (view !== undefined && fitsFilter(view, wanted))
    })
    const { items, ...more } = adminPage(context, {
      scope: ['users', tenant, plan ?? '', source ?? '', suspended ?? ''],
      limit,
      cursor,
      items: ids,
      nameOf: (id) => id,
    })
    return Response.json({ users: items.flatMap((id) => viewOf(id) ?? []), ...more })
  },
})

const get = route<AdminCall>({
  method: 'GET',
  path: '/admin/v1/tenants/:tenant/users/:user',
  operationId: 'getUser',
  summary: 'A user of a tenant',
  responses: { 200: { description: 'The user', schema: userAnswer, headers: { ETag: ETAG } } },
  errors: ['NoSuchEntity'],
  async handle({ context, http }) {
    const { tenant, user } = pathOf({ http }, userPath)
    assertTenant(context, tenant)
    const found = userView(context, tenant, user)
    if (found === undefined) throw noSuch('user')
    return versionedAnswer(found.view, found)
  },
})

const CHANGE_HEADERS = { 'If-Match': IF_MATCH, 'If-None-Match': IF_NONE_MATCH }

const put = route<AdminCall>({
  method: 'PUT',
  path: '/admin/v1/tenants/:tenant/users/:user',
  operationId: 'putUser',
  summary: 'Make a user, or replace its settings; members left out have their defaults',
  body: userBody,
  headers: CHANGE_HEADERS,
  responses: {
    200: { description: 'It is replaced, or was so', schema: userAnswer, headers: { ETag: ETAG } },
    201: { description: 'It is made', schema: userAnswer, headers: { ETag: ETAG } },
  },
  errors: [
    'AccessDenied',
    'NoSuchEntity',
    'UnmodifiableEntity',
    'DeleteConflict',
    'PreconditionFailed',
    'LedgerUnavailable',
    'Overloaded',
  ],
  async handle(call) {
    const { context } = call
    const { tenant, user } = newPathOf(call, userPath)
    const request = { ...adminRequest(call), tenant, user, action: 'putUser' }
    const changed = await changeUser(context, request, () => call.body as UserBody)
    return changedUser(context, { tenant, user }, changed)
  },
})

const patch = route<AdminCall>({
  method: 'PATCH',
  path: '/admin/v1/tenants/:tenant/users/:user',
  operationId: 'patchUser',
  summary: 'Change members of a user’s settings; null takes one away (RFC 7396)',
  body: userPatch,
  headers: CHANGE_HEADERS,
  responses: {
    200: { description: 'It is changed, or was so', schema: userAnswer, headers: { ETag: ETAG } },
  },
  errors: [
    'AccessDenied',
    'NoSuchEntity',
    'UnmodifiableEntity',
    'PreconditionFailed',
    'LedgerUnavailable',
    'Overloaded',
  ],
  async handle(call) {
    const { context, body } = call
    const { tenant, user } = pathOf(call, userPath)
    const request = { ...adminRequest(call), tenant, user, action: 'patchUser' }
    const changed = await changeUser(context, request, (current) => {
      if (current === undefined) throw noSuch('user')
      return validate(userBody, mergePatch(current, body as JsonObject), 'body') as UserBody
    })
    return changedUser(context, { tenant, user }, changed)
  },
})

const remove = route<AdminCall>({
  method: 'DELETE',
  path: '/admin/v1/tenants/:tenant/users/:user',
  operationId: 'deleteUser',
  summary: 'Remove a user for whom no key acts; a token makes it appear again. Repeatable',
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
    await deleteUser(call.context, { ...adminRequest(call), ...pathOf(call, userPath) })
    return new Response(null, { status: 204 })
  },
})

/** Routes of the admin API about users. */
export const USER_ROUTES: readonly Route<AdminCall>[] = [list, get, put, patch, remove]

function assertTenant({ live }: AppContext, tenant: string): void {
  if (!live.current.tenants.has(tenant)) throw noSuch('tenant')
}

function changedUser(
  context: AppContext,
  { tenant, user }: { readonly tenant: string; readonly user: string },
  changed: ChangedEntity,
): Response {
  const written = (settings: JsonObject) => writtenUser(tenant, user, settings)
  return changedAnswer(changed, viewOfChange(changed, userView(context, tenant, user), written))
}
