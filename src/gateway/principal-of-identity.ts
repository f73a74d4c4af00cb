import type { Identity } from '../auth/identity.ts'
import type { Principal } from '../auth/principal.ts'
import type { Config } from '../config/config.ts'
import { renderPermissions } from '../policy/render-permissions.ts'

/** Who a verified token stands for, with its tenant's bound. Whether it may act is another question. */
export function principalOfIdentity(
  config: Pick<Config, 'tenants'>,
  { issuer, tenant, user, plan, permissions, expiresAtMs }: Identity,
): Principal {
  const owner = { tenant, user }
  const ceiling = config.tenants.get(tenant)?.allow
  return Object.freeze({
    ...owner,
    issuer,
    ...(plan !== undefined && { plan }),
    permissions: renderPermissions(permissions, owner),
    ...(ceiling !== undefined && { ceiling: renderPermissions(ceiling, owner) }),
    expiresAtMs,
  })
}
