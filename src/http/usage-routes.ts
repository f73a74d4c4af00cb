import { usageOf } from '../gateway/usage.ts'
import { type Route, route } from './route.ts'
import { usageSchema } from './schemas.ts'

const get = route({
  method: 'GET',
  path: '/v1/usage',
  operationId: 'getUsage',
  summary: 'Every limit of the caller and of its tenant, and what is left',
  responses: { 200: { description: 'The limits', schema: usageSchema } },
  errors: ['LedgerUnavailable'],
  async handle({ context, principal }) {
    return Response.json(await usageOf(context, principal))
  },
})

/** Routes of usage. */
export const USAGE_ROUTES: readonly Route[] = [get]
