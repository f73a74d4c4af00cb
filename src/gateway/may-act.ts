import type { Config } from '../config/config.ts'
import { GatewayError } from '../errors.ts'

/**
 * Passes who may act at all now. Throws `AccessDenied` for a tenant that is not there or suspended, for a
 * suspended user, and for one whose plan its tenant's users may not have any more. A user who is not
 * known has the tenant's plan.
 */
export function assertMayAct(
  { tenants }: Pick<Config, 'tenants'>,
  who: { readonly tenant: string; readonly user: string },
): void {
  const tenant = tenants.get(who.tenant)
  if (tenant === undefined) throw denied('its tenant is not there')
  if (tenant.suspended === true) throw denied('its tenant is suspended')
  const user = tenant.users.get(who.user)
  if (user === undefined) return
  if (user.suspended === true) throw denied('it is suspended')
  if (tenant.userPlans?.has(user.planName) === false) {
    throw denied('its plan is none that its tenant may give')
  }
}

function denied(why: string): GatewayError {
  return new GatewayError('AccessDenied', `Cannot act for this user: ${why}`)
}
