import type { Config, Tenant } from '../config/config.ts'
import type { Hashing } from '../hashing.ts'
import { partitionOf } from '../ledger/partitions.ts'
import type { Ledger } from '../ledger/port.ts'
import { subjectId } from '../ledger/subject-id.ts'
import { compileLimits, type LimitSet } from '../limits/limit-set.ts'
import type { Plan } from '../limits/plan.ts'
import type { Zone } from '../limits/windows.ts'
import { denied } from './may-act.ts'

/** Where the limits of one user are counted, and which they are. */
export interface Account {
  readonly tenant: string
  readonly user: string
  readonly partition: number
  /** Throws `LedgerUnavailable` until the ledger has told the salt that they are made with. */
  readonly subjects: { readonly user: string; readonly tenant: string }
  readonly limits: LimitSet
}

/** Finds accounts; the answers are kept, so that the hot path neither hashes nor compiles. */
export interface Accounts {
  /** Throws `AccessDenied` for a tenant that is not there. A user who is not known has its tenant's plan. */
  of(tenant: string, user: string): Account
}

const MAX_ACCOUNTS = 10_000

/** An account, and what it was made by. */
interface Known {
  readonly account: Account
  readonly userPlan: Plan
  readonly tenantPlan: Plan
  readonly zones: Zone
}

/**
 * Accounts of the configuration in force and one ledger. One is made anew when its plan, its tenant's or
 * the tenant's time zone is another one.
 */
export function createAccounts(
  config: () => Pick<Config, 'tenants'>,
  ledger: Ledger,
  hashing: Hashing,
): Accounts {
  const accounts = new Map<string, Known>()

  function open(tenant: Tenant, user: string, plan: Plan): Account {
    let subjects: Account['subjects'] | undefined
    return {
      tenant: tenant.id,
      user,
      partition: partitionOf(hashing, tenant.id, ledger.partitions),
      // Made when they are first asked for: whoever acts while the ledger is away needs the limits.
      get subjects() {
        subjects ??= {
          user: subjectId(hashing, ledger.salt, 'u', tenant.id, user),
          tenant: subjectId(hashing, ledger.salt, 't', tenant.id, ''),
        }
        return subjects
      },
      limits: compileLimits({ user: plan, tenant: tenant.plan, timeZone: tenant.zones, hashing }),
    }
  }

  return {
    of(tenantId, user) {
      const tenant = config().tenants.get(tenantId)
      if (tenant === undefined) {
        throw denied('its tenant is not there')
      }
      // Whoever is not known has come with a verified credential, and gets what the tenant's users get.
      const { plan: userPlan } = tenant.users.get(user) ?? tenant
      const { plan: tenantPlan, zones } = tenant
      const name = JSON.stringify([tenantId, user])
      const known = accounts.get(name)
      if (
        known?.userPlan === userPlan &&
        known.tenantPlan === tenantPlan &&
        known.zones === zones
      ) {
        return known.account
      }
      const account = open(tenant, user, userPlan)
      if (accounts.size >= MAX_ACCOUNTS) accounts.clear()
      accounts.set(name, { account, userPlan, tenantPlan, zones })
      return account
    },
  }
}
