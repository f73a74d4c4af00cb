import type { Config, Tenant } from '../config/config.ts'
import { GatewayError } from '../errors.ts'

/**
 * Passes who may act at all now. Throws `AccessDenied` for a tenant that is not there or suspended, for a
 * suspended user, and for one whose plan its tenant's users may not have any more. A user who is not
 * known has the tenant's plan.
 */
export function assertMayAct(
  config: Pick<Config, 'tenants'>,
  who: { readonly tenant: string; readonly user: string; readonly outOfUse?: true },
): void {
  const tenant = activeTenant(config, who.tenant)
  const user = tenant.users.get(who.user)
  if (who.outOfUse === true) throw denied('its credential is out of use')
  if (user === undefined) return
  if (user.suspended === true) throw denied('it is suspended')
  if (tenant.userPlans?.has(user.planName) === false) {
    throw denied('its plan is none that its tenant may give')
  }
}

/** The tenant of whoever acts. Throws `AccessDenied` for one that is not there or suspended. */
export function activeTenant({ tenants }: Pick<Config, 'tenants'>, id: string): Tenant {
  const tenant = tenants.get(id)
  if (tenant === undefined) throw denied('its tenant is not there')
  if (tenant.suspended === true) throw denied('its tenant is suspended')
  return tenant
}

/**
 * Passes a plan that a token may ask for. Throws `AccessDenied` for one that is not there, or that the
 * tenant's users may not have: the tenant's own plan may be more than what was meant.
 */
export function assertMayHave(
  { tenants, plans }: Pick<Config, 'tenants' | 'plans'>,
  { tenant, plan }: { readonly tenant: string; readonly plan: string },
): void {
  if (!plans.has(plan)) throw denied('its token asks for a plan that is not there')
  if (tenants.get(tenant)?.userPlans?.has(plan) === false) {
    throw denied('its token asks for a plan that its tenant may not give')
  }
}

function denied(why: string): GatewayError {
  return new GatewayError('AccessDenied', `Cannot act for this user: ${why}`)
}
