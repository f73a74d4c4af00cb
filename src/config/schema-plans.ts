import * as z from 'zod/mini'
import { described } from '../described.ts'
import { flag, integer, list, MAX_AMOUNT, members, nameSchema, oneOf } from './schema-values.ts'

const perSchema = described(oneOf(['user', 'tenant']), 'Counted for each user, or for the tenant.')
const policySchema = described(
  nameSchema,
  'Name shown to callers. Another name is another counter.',
)

const shadowSchema = described(
  z.optional(flag()),
  'true: counts and tells what it would have refused, and refuses nothing.',
)

const rateSchema = members({
  policy: policySchema,
  per: perSchema,
  requests: described(integer(1, 1_000_000_000), 'Requests per window.'),
  windowSeconds: described(integer(1, 31_622_400), 'Length of the window, in seconds.'),
  burst: described(
    z.optional(integer(1, 1_000_000_000)),
    'How many may come at once. Default: requests.',
  ),
  shadow: shadowSchema,
})

const quotaSchema = members({
  policy: policySchema,
  per: perSchema,
  unit: described(
    oneOf(['bytes', 'objects', 'requests', 'stored-bytes', 'stored-objects', 'pending-uploads']),
    'What is counted: the first three in a window, the others as they stand.',
  ),
  limit: described(integer(0, MAX_AMOUNT), 'The most that there may be.'),
  window: described(
    z.optional(oneOf(['minute', 'hour', 'day', 'week', 'month'])),
    'Calendar window of bytes, objects and requests; the other units have none.',
  ),
  shadow: shadowSchema,
})

/** `plans.*`. */
export const planSchema = members({
  rates: described(z._default(list(rateSchema, 0), []), 'How often; waiting heals.'),
  quotas: described(z._default(list(quotaSchema, 0), []), 'How much.'),
})

export type PlanInput = z.output<typeof planSchema>
