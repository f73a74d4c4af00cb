import type { DirectoryEntity } from '../../config/directory/document-name.ts'
import { REMOVED } from '../../config/directory/entity-documents.ts'
import type { TenantSettingsInput } from '../../config/schema-tenants.ts'
import { GatewayError } from '../../errors.ts'
import type { GatewayContext } from '../context.ts'
import {
  type AdminRequest,
  adminChange,
  noSuch,
  type SettingsChange,
  unmodifiable,
} from './admin-request.ts'
import { type ChangedEntity, changeEntity } from './change-entity.ts'
import { checkTenantDependents } from './check-dependents.ts'
import { tenantWith } from './check-fit.ts'
import { hasSettings } from './user-source.ts'

interface TenantRequest extends AdminRequest {
  readonly tenant: string
}

/**
 * Makes a tenant, or changes it. Throws `UnmodifiableEntity` for one of the configuration file,
 * `InvalidRequest` for one that is not sound, alone or with its users, and what `changeEntity` and
 * `change` throw.
 */
export async function changeTenant(
  context: GatewayContext,
  request: TenantRequest & { readonly action: string },
  change: SettingsChange<TenantSettingsInput>,
): Promise<ChangedEntity> {
  const { tenant: id, precondition, action } = request
  const entity = entityOf(context, id)
  return changeEntity(context, {
    entity,
    precondition,
    change: adminChange(request, action, entity),
    next({ settings }) {
      const wanted = change(settings)
      checkTenantDependents(context, tenantWith(context, id, wanted))
      return wanted
    },
  })
}

/**
 * Removes a tenant; one that was removed before stays so. Users that were only seen go with it. Throws
 * `UnmodifiableEntity`, `NoSuchEntity`, `DeleteConflict` while it has keys, or users that an operator has
 * set up, and what `changeEntity` throws.
 */
export async function deleteTenant(context: GatewayContext, request: TenantRequest): Promise<void> {
  const { tenant: id, precondition } = request
  const entity = entityOf(context, id)
  await changeEntity(context, {
    entity,
    precondition,
    change: adminChange(request, 'deleteTenant', entity),
    next({ text, removed }) {
      if (text === undefined) throw noSuch('tenant')
      if (!removed) checkUnused(context, id)
      return REMOVED
    },
  })
}

function checkUnused({ directory }: GatewayContext, id: string): void {
  const { keys, users } = directory.entries
  const own = [...keys.values()].filter((key) => key.tenant === id && key.revokedAtMs === undefined)
  const setUp = [...(users.get(id)?.values() ?? [])].filter(hasSettings)
  if (own.length === 0 && setUp.length === 0) return
  throw new GatewayError(
    'DeleteConflict',
    `Cannot remove the tenant: it has ${own.length} keys, and ${setUp.length} users that were set up`,
  )
}

function entityOf({ live }: GatewayContext, tenant: string): DirectoryEntity & { kind: 'tenant' } {
  if (live.file.tenants.has(tenant)) throw unmodifiable('tenant')
  return { kind: 'tenant', tenant }
}
