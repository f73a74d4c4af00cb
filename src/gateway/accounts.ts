import type { Config } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import type { Hashing } from '../hashing.ts'
import { partitionOf } from '../ledger/partitions.ts'
import type { Ledger } from '../ledger/port.ts'
import { subjectId } from '../ledger/subject-id.ts'
import { compileLimits, type LimitSet } from '../limits/limit-set.ts'

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

/**
 * Accounts of the configuration in force and one ledger. They are made anew when other tenants or plans
 * are in force.
 */
export function createAccounts(
  config: () => Pick<Config, 'tenants'>,
  ledger: Ledger,
  hashing: Hashing,
): Accounts {
  const accounts = new Map<string, Account>()
  let { tenants } = config()

  function open(tenantId: string, userId: string): Account {
    const tenant = tenants.get(tenantId)
    if (tenant === undefined) {
      throw new GatewayError('AccessDenied', 'Cannot act for this user: its tenant is not there')
    }
    // Whoever is not known has come with a verified credential, and gets what the tenant's users get.
    const { plan } = tenant.users.get(userId) ?? tenant
    let subjects: Account['subjects'] | undefined
    return {
      tenant: tenantId,
      user: userId,
      partition: partitionOf(hashing, tenantId, ledger.partitions),
      // Made when they are first asked for: whoever acts while the ledger is away needs the limits.
      get subjects() {
        subjects ??= {
          user: subjectId(hashing, ledger.salt, 'u', tenantId, userId),
          tenant: subjectId(hashing, ledger.salt, 't', tenantId, ''),
        }
        return subjects
      },
      limits: compileLimits({
        user: plan,
        tenant: tenant.plan,
        timeZone: tenant.zones,
        hashing,
      }),
    }
  }

  return {
    of(tenant, user) {
      const inForce = config().tenants
      if (inForce !== tenants) accounts.clear()
      tenants = inForce
      const name = JSON.stringify([tenant, user])
      const known = accounts.get(name)
      if (known !== undefined) return known
      const account = open(tenant, user)
      if (accounts.size >= MAX_ACCOUNTS) accounts.clear()
      accounts.set(name, account)
      return account
    },
  }
}
