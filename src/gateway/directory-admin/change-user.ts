import type { DirectoryEntity } from '../../config/directory/document-name.ts'
import { REMOVED } from '../../config/directory/entity-documents.ts'
import type { UserInput } from '../../config/schema-tenants.ts'
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
import { checkUser } from './check-fit.ts'
import { checkNothingLeft, removeLeftOver } from './left-over.ts'
import { isNew } from './standing.ts'

interface UserRequest extends AdminRequest {
  readonly tenant: string
  readonly user: string
}

/**
 * Makes a user of a tenant of file or directory, or changes it; what was seen of it stays. Throws
 * `UnmodifiableEntity` for one of the configuration file, `NoSuchEntity` without the tenant,
 * `AccessDenied` for a plan that the tenant may not give, `InvalidRequest` for what is not sound,
 * `DeleteConflict` for a new one while keys of an older one are left, and what `changeEntity` and `change`
 * throw.
 */
export async function changeUser(
  context: GatewayContext,
  request: UserRequest & { readonly action: string },
  change: SettingsChange<UserInput>,
): Promise<ChangedEntity> {
  const { tenant, user, precondition, action } = request
  const entity = ownUser(context, tenant, user)
  return changeEntity(context, {
    entity,
    precondition,
    change: adminChange(request, action, entity),
    next(standing) {
      const { settings } = standing
      const { firstSeenAtMs, claimedPlan, ...current } = settings ?? {}
      const wanted = change(settings === undefined ? undefined : current)
      const next = {
        ...wanted,
        ...(typeof firstSeenAtMs === 'number' && { firstSeenAtMs }),
        ...(typeof claimedPlan === 'string' && { claimedPlan }),
      }
      const keepsPlan = settings !== undefined && wanted.plan === current.plan
      checkUser(context, { tenant, user, keepsPlan }, next)
      if (isNew(standing)) checkNothingLeft(context, { tenant, user })
      return next
    },
  })
}

/**
 * Removes a user; one that was removed before stays so. Whoever brings a token for it makes it appear
 * again: to keep somebody out, suspend the user. Throws `UnmodifiableEntity`, `NoSuchEntity`,
 * `DeleteConflict` while keys act for it, and what `changeEntity` throws.
 */
export async function deleteUser(context: GatewayContext, request: UserRequest): Promise<void> {
  const { tenant, user, precondition } = request
  const entity = ownUser(context, tenant, user)
  await changeEntity(context, {
    entity,
    precondition,
    change: adminChange(request, 'deleteUser', entity),
    next({ text, removed }) {
      if (text === undefined) throw noSuch('user')
      if (!removed) checkUnused(context, { tenant, user })
      return REMOVED
    },
  })
  await removeLeftOver(context, { tenant, user }, { ...request, action: 'deleteUser' })
}

function checkUnused(
  context: GatewayContext,
  owner: { readonly tenant: string; readonly user: string },
): void {
  const own = liveKeysOf(context, owner)
  if (own.length === 0) return
  throw new GatewayError(
    'DeleteConflict',
    `Cannot remove the user: ${own.length} keys act for it; revoke them first`,
  )
}

/** Not the file's. */
function ownUser(
  { live }: GatewayContext,
  tenant: string,
  user: string,
): DirectoryEntity & { kind: 'user' } {
  if (live.file.tenants.get(tenant)?.users.has(user) === true) throw unmodifiable('user')
  return { kind: 'user', tenant, user }
}
