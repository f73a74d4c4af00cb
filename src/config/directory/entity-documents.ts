import * as z from 'zod/mini'
import { planSchema } from '../schema-plans.ts'
import { tenantSettingsSchema, userSchema } from '../schema-tenants.ts'
import { integer, nameSchema } from '../schema-values.ts'

/** What is left of an entity that was removed: its document stays, so that its version goes on. */
export const REMOVED = Object.freeze({ removed: true as const })

const removedSchema = z.strictObject({ removed: z.literal(true) })
const momentSchema = integer(0, 8_640_000_000_000_000)

/** A plan, as in the configuration. */
export const planDocumentSchema = z.union([removedSchema, planSchema])

/** A tenant, as in the configuration, without its users and keys. */
export const tenantDocumentSchema = z.union([removedSchema, tenantSettingsSchema])

/**
 * A user: what an operator has set, as in the configuration, and what was seen. `firstSeenAtMs`: of one
 * who came by a token; `claimedPlan`: the plan that its newest token asked for.
 */
export const userDocumentSchema = z.union([
  removedSchema,
  z.extend(userSchema, {
    firstSeenAtMs: z.optional(momentSchema),
    claimedPlan: z.optional(nameSchema),
  }),
])

export type PlanDocument = z.output<typeof planDocumentSchema>
export type TenantDocument = z.output<typeof tenantDocumentSchema>
export type UserDocument = z.output<typeof userDocumentSchema>

/** Whether it is not there any more. */
export function isRemoved(document: object): document is typeof REMOVED {
  return 'removed' in document
}
