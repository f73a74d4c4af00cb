import type { DirectoryEntity } from '../../config/directory/document-name.ts'
import { REMOVED } from '../../config/directory/entity-documents.ts'
import type { TenantSettingsInput } from '../../config/schema-tenants.ts'
import { GatewayError } from '../../errors.ts'
import type { GatewayContext } from '../context.ts'
import { liveKeysOf } from '../keys/stored-key.ts'
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
import { checkNothingLeft, hasSeenUsers, removeLeftOver } from './left-over.ts'
import { isNew } from './standing.ts'
import { hasSettings } from './user-source.ts'

interface TenantRequest extends AdminRequest {
  readonly tenant: string
}

/**
 * Makes a tenant, or changes it. Throws `UnmodifiableEntity` for one of the configuration file,
 * `InvalidRequest` for one that is not sound, alone or with its users, `DeleteConflict` for a new one while
 * keys or users of an older one are left, and what `changeEntity` and `change` throw.
 */
export async function changeTenant(
  context: GatewayContext,
  request: TenantRequest & { readonly action: string },
  change: SettingsChange<TenantSettingsInput>,
): Promise<ChangedEntity> {
  const { tenant: id, precondition, action } = request
  const entity = ownTenant(context, id)
  return changeEntity(context, {
    entity,
    precondition,
    change: adminChange(request, action, entity),
    next(standing) {
      const wanted = change(standing.settings)
      if (isNew(standing)) checkNothingLeft(context, { tenant: id })
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
  const entity = ownTenant(context, id)
  await changeEntity(context, {
    entity,
    precondition,
    change: adminChange(request, 'deleteTenant', entity),
    next({ text, removed }) {
      // Users may be left of one that the configuration file had.
      if (text === undefined && !hasSeenUsers(context, id)) throw noSuch('tenant')
      if (!removed) checkUnused(context, id)
      return REMOVED
    },
  })
  await removeLeftOver(context, { tenant: id }, { ...request, action: 'deleteTenant' })
}

function checkUnused(context: GatewayContext, id: string): void {
  const own = liveKeysOf(context, { tenant: id })
  const setUp = [...(context.directory.entries.users.get(id)?.values() ?? [])].filter(hasSettings)
  if (own.length === 0 && setUp.length === 0) return
  throw new GatewayError(
    'DeleteConflict',
    `Cannot remove the tenant: it has ${own.length} keys, and ${setUp.length} users that were set up`,
  )
}

/** Not the file's. */
function ownTenant({ live }: GatewayContext, tenant: string): DirectoryEntity & { kind: 'tenant' } {
  if (live.file.tenants.has(tenant)) throw unmodifiable('tenant')
  return { kind: 'tenant', tenant }
}
