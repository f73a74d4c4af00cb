import type * as z from 'zod'
import { flag, integer, list, MAX_AMOUNT, members, nameSchema, oneOf } from './schema-values.ts'

const perSchema = oneOf(['user', 'tenant']).describe('Counted for each user, or for the tenant.')
const policySchema = nameSchema.describe('Name shown to callers. Another name is another counter.')

const shadowSchema = flag()
  .optional()
  .describe('true: counts and tells what it would have refused, and refuses nothing.')

const rateSchema = members({
  policy: policySchema,
  per: perSchema,
  requests: integer(1, 1_000_000_000).describe('Requests per window.'),
  windowSeconds: integer(1, 31_622_400).describe('Length of the window, in seconds.'),
  burst: integer(1, 1_000_000_000)
    .optional()
    .describe('How many may come at once. Default: requests.'),
  shadow: shadowSchema,
})

const quotaSchema = members({
  policy: policySchema,
  per: perSchema,
  unit: oneOf([
    'bytes',
    'objects',
    'requests',
    'stored-bytes',
    'stored-objects',
    'pending-uploads',
  ]).describe('What is counted: the first three in a window, the others as they stand.'),
  limit: integer(0, MAX_AMOUNT).describe('The most that there may be.'),
  window: oneOf(['minute', 'hour', 'day', 'week', 'month'])
    .optional()
    .describe('Calendar window of bytes, objects and requests; the other units have none.'),
  shadow: shadowSchema,
})

/** `plans.*`. */
export const planSchema = members({
  rates: list(rateSchema, 0).default([]).describe('How often; waiting heals.'),
  quotas: list(quotaSchema, 0).default([]).describe('How much.'),
})

export type PlanInput = z.output<typeof planSchema>
