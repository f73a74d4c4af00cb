import type { DirectoryEntity } from '../../config/directory/document-name.ts'
import { REMOVED } from '../../config/directory/entity-documents.ts'
import type { UserInput } from '../../config/schema-tenants.ts'
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
import { checkUser } from './check-fit.ts'

interface UserRequest extends AdminRequest {
  readonly tenant: string
  readonly user: string
}

/**
 * Makes a user of a tenant of file or directory, or changes it; what was seen of it stays. Throws
 * `UnmodifiableEntity` for one of the configuration file, `NoSuchEntity` without the tenant,
 * `AccessDenied` for a plan that the tenant may not give, `InvalidRequest` for what is not sound, and what
 * `changeEntity` and `change` throw.
 */
export async function changeUser(
  context: GatewayContext,
  request: UserRequest & { readonly action: string },
  change: SettingsChange<UserInput>,
): Promise<ChangedEntity> {
  const { tenant, user, precondition, action } = request
  const entity = entityOf(context, tenant, user)
  return changeEntity(context, {
    entity,
    precondition,
    change: adminChange(request, action, entity),
    next({ settings }) {
      const { firstSeenAtMs, claimedPlan, ...current } = settings ?? {}
      const wanted = change(settings === undefined ? undefined : current)
      const next = {
        ...wanted,
        ...(typeof firstSeenAtMs === 'number' && { firstSeenAtMs }),
        ...(typeof claimedPlan === 'string' && { claimedPlan }),
      }
      const keepsPlan = settings !== undefined && wanted.plan === current.plan
      checkUser(context, { tenant, user, keepsPlan }, next)
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
  const entity = entityOf(context, tenant, user)
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
}

function checkUnused(
  { directory }: GatewayContext,
  { tenant, user }: { readonly tenant: string; readonly user: string },
): void {
  const own = [...directory.entries.keys.values()].filter(
    (key) => key.tenant === tenant && key.user === user && key.revokedAtMs === undefined,
  )
  if (own.length === 0) return
  throw new GatewayError(
    'DeleteConflict',
    `Cannot remove the user: ${own.length} keys act for it; revoke them first`,
  )
}

function entityOf(
  { live }: GatewayContext,
  tenant: string,
  user: string,
): DirectoryEntity & { kind: 'user' } {
  if (live.file.tenants.get(tenant)?.users.has(user) === true) throw unmodifiable('user')
  return { kind: 'user', tenant, user }
}
