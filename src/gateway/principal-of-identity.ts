import type { Identity } from '../auth/identity.ts'
import type { Principal } from '../auth/principal.ts'
import type { Config } from '../config/config.ts'
import { renderPermissions } from '../policy/render-permissions.ts'
import { assertMayAct } from './may-act.ts'

/**
 * Who a verified token stands for, with its tenant's bound. Throws `AccessDenied` for a tenant that is
 * not there or suspended, a suspended user, and one whose plan its tenant's users may not have.
 */
export function principalOfIdentity(
  config: Pick<Config, 'tenants'>,
  { issuer, tenant, user, permissions, expiresAtMs }: Identity,
): Principal {
  assertMayAct(config, { tenant, user })
  const owner = { tenant, user }
  const ceiling = config.tenants.get(tenant)?.allow
  return Object.freeze({
    ...owner,
    issuer,
    permissions: renderPermissions(permissions, owner),
    ...(ceiling !== undefined && { ceiling: renderPermissions(ceiling, owner) }),
    expiresAtMs,
  })
}
