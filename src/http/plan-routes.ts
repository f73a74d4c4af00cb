import type * as z from 'zod/mini'
import { noSuch } from '../gateway/directory-admin/admin-request.ts'
import { deletePlan, putPlan } from '../gateway/directory-admin/change-plan.ts'
import {
  planNames,
  planView,
  viewOfChange,
  writtenPlan,
} from '../gateway/directory-admin/entity-views.ts'
import { adminPage } from './admin-page.ts'
import { adminRequest, newPathOf, pathOf } from './admin-request.ts'
import { planAnswer, planBody, planPath, plansPage, plansQuery } from './directory-schemas.ts'
import { changedAnswer, ETAG, IF_MATCH, IF_NONE_MATCH, versionedAnswer } from './entity-tag.ts'
import { type AdminCall, type Route, route } from './route.ts'

const list = route<AdminCall>({
  method: 'GET',
  path: '/admin/v1/plans',
  operationId: 'listPlans',
  summary: 'Plans: rate limits and quotas',
  query: plansQuery,
  responses: { 200: { description: 'A page, by name', schema: plansPage } },
  errors: [],
  async handle({ context, query }) {
    const { limit, cursor, source } = query as z.output<typeof plansQuery>
    const views = [...planNames(context)].flatMap((name) => planView(context, name)?.view ?? [])
    const { items, ...more } = adminPage(context, {
      scope: ['plans', source ?? ''],
      limit,
      cursor,
      items: views.filter((view) => source === undefined || view.source === source),
      nameOf: ({ name }) => name,
    })
    return Response.json({ plans: items, ...more })
  },
})

const get = route<AdminCall>({
  method: 'GET',
  path: '/admin/v1/plans/:plan',
  operationId: 'getPlan',
  summary: 'A plan',
  responses: { 200: { description: 'The plan', schema: planAnswer, headers: { ETag: ETAG } } },
  errors: ['NoSuchEntity'],
  async handle({ context, http }) {
    const found = planView(context, pathOf({ http }, planPath).plan)
    if (found === undefined) throw noSuch('plan')
    return versionedAnswer(found.view, found)
  },
})

const put = route<AdminCall>({
  method: 'PUT',
  path: '/admin/v1/plans/:plan',
  operationId: 'putPlan',
  summary: 'Make a plan, or replace it for all who have it',
  body: planBody,
  headers: { 'If-Match': IF_MATCH, 'If-None-Match': IF_NONE_MATCH },
  responses: {
    200: { description: 'It is replaced, or was so', schema: planAnswer, headers: { ETag: ETAG } },
    201: { description: 'It is made', schema: planAnswer, headers: { ETag: ETAG } },
  },
  errors: ['UnmodifiableEntity', 'PreconditionFailed', 'LedgerUnavailable', 'Overloaded'],
  async handle(call) {
    const { context, body } = call
    const { plan } = newPathOf(call, planPath)
    const request = { ...adminRequest(call), plan }
    const changed = await putPlan(context, request, body as z.output<typeof planBody>)
    const view = viewOfChange(changed, planView(context, plan), (settings) =>
      writtenPlan(plan, settings),
    )
    return changedAnswer(changed, view)
  },
})

const remove = route<AdminCall>({
  method: 'DELETE',
  path: '/admin/v1/plans/:plan',
  operationId: 'deletePlan',
  summary: 'Remove a plan that nobody has; repeatable',
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
    await deletePlan(call.context, { ...adminRequest(call), ...pathOf(call, planPath) })
    return new Response(null, { status: 204 })
  },
})

/** Routes of the admin API about plans. */
export const PLAN_ROUTES: readonly Route<AdminCall>[] = [list, get, put, remove]
