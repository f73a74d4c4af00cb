import type { Identity } from '../auth/identity.ts'
import type { Principal } from '../auth/principal.ts'
import type { Config } from '../config/config.ts'
import { renderPermissions } from '../policy/render-permissions.ts'
import { assertMayAct, assertMayHave } from './may-act.ts'

/**
 * Who a verified token stands for, with its tenant's bound. Throws `AccessDenied` for a tenant that is
 * not there or suspended, a suspended user, and a plan that is not there or that the
 * tenant's users may not have.
 */
export function principalOfIdentity(
  config: Pick<Config, 'tenants' | 'plans'>,
  { issuer, tenant, user, plan, permissions, expiresAtMs }: Identity,
): Principal {
  assertMayAct(config, { tenant, user })
  if (plan !== undefined) assertMayHave(config, { tenant, plan })
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
