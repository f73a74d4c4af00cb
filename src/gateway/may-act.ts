import type { Principal } from '../auth/principal.ts'
import type { Config, Tenant } from '../config/config.ts'
import { GatewayError } from '../errors.ts'

type Identities = Pick<Config, 'tenants' | 'plans'>

/**
 * Passes who may act at all now. Throws `AccessDenied` for a tenant that is not there or suspended, for a
 * suspended user, and for one whose plan, or the plan that its token asks for, is none that the tenant's
 * users may have. A user who is not known has the tenant's plan.
 */
export function assertMayAct(
  identities: Identities,
  who: Pick<Principal, 'tenant' | 'user' | 'plan' | 'outOfUse'>,
): void {
  const tenant = activeTenant(identities, who.tenant)
  if (who.outOfUse === true) throw denied('its credential is out of use')
  if (who.plan !== undefined) assertMayHave(identities, { tenant, plan: who.plan })
  const user = tenant.users.get(who.user)
  if (user === undefined) return
  if (user.suspended === true) throw denied('it is suspended')
  if (tenant.userPlans?.has(user.planName) === false) {
    throw denied('its plan is none that its tenant may give')
  }
}

/** True for whom the tenant of a token takes in, as far as tenant and plan say it and not the user. */
export function mayAppear(
  identities: Identities,
  { tenant: id, plan }: Pick<Principal, 'tenant' | 'plan'>,
): boolean {
  try {
    const tenant = activeTenant(identities, id)
    if (plan !== undefined) assertMayHave(identities, { tenant, plan })
    return true
  } catch {
    return false
  }
}

/** The tenant of whoever acts. Throws `AccessDenied` for one that is not there or suspended. */
function activeTenant({ tenants }: Pick<Config, 'tenants'>, id: string): Tenant {
  const tenant = tenants.get(id)
  if (tenant === undefined) throw denied('its tenant is not there')
  if (tenant.suspended === true) throw denied('its tenant is suspended')
  return tenant
}

/** Of a plan that a token asks for and may not: the tenant's own instead may be more than what was meant. */
function assertMayHave(
  { plans }: Pick<Config, 'plans'>,
  { tenant, plan }: { readonly tenant: Tenant; readonly plan: string },
): void {
  if (!plans.has(plan)) throw denied('its token asks for a plan that is not there')
  if (tenant.userPlans?.has(plan) === false) {
    throw denied('its token asks for a plan that its tenant may not give')
  }
}

/** Callers are told the same for each reason: which tenants and plans there are is for operators to know. */
export function denied(why: string): GatewayError {
  return new GatewayError('AccessDenied', 'Cannot act for this user: it may not act now', {
    facts: { why },
  })
}
