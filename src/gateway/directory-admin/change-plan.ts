import type { DirectoryEntity } from '../../config/directory/document-name.ts'
import { REMOVED } from '../../config/directory/entity-documents.ts'
import type { PlanInput } from '../../config/schema-plans.ts'
import type { GatewayContext } from '../context.ts'
import { type AdminRequest, adminChange, noSuch, unmodifiable } from './admin-request.ts'
import { type ChangedEntity, changeEntity } from './change-entity.ts'
import { checkPlanDependents } from './check-dependents.ts'
import { plansWith } from './check-fit.ts'

interface PlanRequest extends AdminRequest {
  readonly plan: string
}

/**
 * Makes a plan or replaces it. Throws `UnmodifiableEntity` for one of the configuration file,
 * `InvalidRequest` for one that is not sound, alone or with those who have it, and what `changeEntity`
 * throws.
 */
export async function putPlan(
  context: GatewayContext,
  request: PlanRequest,
  settings: PlanInput,
): Promise<ChangedEntity> {
  const { plan: name, precondition } = request
  const entity = ownPlan(context, name)
  return changeEntity(context, {
    entity,
    precondition,
    change: adminChange(request, 'putPlan', entity),
    next() {
      const plans = plansWith(context, name, settings)
      checkPlanDependents(context, { name, plans, code: 'InvalidRequest' })
      return settings
    },
  })
}

/**
 * Removes a plan; one that was removed before stays so. Throws `UnmodifiableEntity`, `NoSuchEntity`,
 * `DeleteConflict` when somebody has it, and what `changeEntity` throws.
 */
export async function deletePlan(context: GatewayContext, request: PlanRequest): Promise<void> {
  const { plan: name, precondition } = request
  const entity = ownPlan(context, name)
  await changeEntity(context, {
    entity,
    precondition,
    change: adminChange(request, 'deletePlan', entity),
    next({ text, removed }) {
      if (text === undefined) throw noSuch('plan')
      const plans = new Map(context.live.current.plans)
      if (!removed && plans.delete(name)) {
        checkPlanDependents(context, { name, plans, code: 'DeleteConflict' })
      }
      return REMOVED
    },
  })
}

/** Not the file's. */
function ownPlan({ live }: GatewayContext, plan: string): DirectoryEntity & { kind: 'plan' } {
  if (live.file.plans.has(plan)) throw unmodifiable('plan')
  return { kind: 'plan', plan }
}
