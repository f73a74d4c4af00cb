import type { KeyRecord } from '../../auth/key-record.ts'
import type { Hashing } from '../../hashing.ts'
import type { Plan } from '../../limits/plan.ts'
import type { Config, Secrets, Tenant } from '../config.ts'
import { buildDirectoryPlans, buildDirectoryTenant } from './build-entities.ts'
import {
  createDirectoryEntries,
  type DirectoryChanges,
  type DirectoryEntries,
} from './directory-entries.ts'
import { createDirectoryReport, type DirectoryProblem } from './directory-report.ts'
import { directoryUser } from './directory-user.ts'
import { createKeyRecords } from './key-records.ts'

/** Who is known: what a file and the directory name. */
export type Identities = Pick<Config, 'plans' | 'tenants' | 'keys'>

interface Settings {
  readonly config: Config
  readonly secrets: Secrets
}

/** The directory's entities, laid over those of a configuration file. */
export interface DirectoryOverlay {
  readonly entries: DirectoryEntries
  /**
   * Who is known with the directory's documents as they are now. The file wins where both name the same:
   * `problems` says so, and names what cannot be used. Users and keys come and go within the same maps, so
   * that one more costs as much as one; what has not changed is the same object again.
   */
  over(settings: Settings): Identities
  /** Of the last call of `over`. */
  problems(): readonly DirectoryProblem[]
  /** What is wrong with one document, as a clause. */
  problemOf(name: string): string | undefined
}

/** Who is known by one file. */
interface Known {
  readonly settings: Settings
  readonly identities: Identities
  readonly tenants: Map<string, Tenant>
  readonly keys: Map<string, KeyRecord>
}

/** An empty directory. */
export function createDirectoryOverlay({
  hashing,
}: {
  readonly hashing: Hashing
}): DirectoryOverlay {
  const entries = createDirectoryEntries()
  const report = createDirectoryReport()
  const keyRecords = createKeyRecords(entries, report)
  let known: Known | undefined

  function everything(settings: Settings): Known {
    const { config } = settings
    report.clear()
    const plans = buildDirectoryPlans(entries.plans, { config, hashing, report })
    const tenants = new Map<string, Tenant>()
    const keys = new Map<string, KeyRecord>(config.keys)
    const all = { settings, identities: Object.freeze({ plans, tenants, keys }), tenants, keys }
    for (const id of new Set([...config.tenants.keys(), ...entries.tenants.keys()])) {
      lookAtTenant(id, all)
    }
    for (const id of entries.keys.keys()) keyRecords.lookAt(id, all)
    return all
  }

  /** Puts the tenant of the file, or of the directory, into force, with the directory's users in it. */
  function lookAtTenant(id: string, all: Known): void {
    const { config } = all.settings
    const { plans } = all.identities
    const entity = { kind: 'tenant', tenant: id } as const
    const inFile = config.tenants.get(id)
    const document = entries.tenants.get(id)
    report.forget(entity)
    if (inFile !== undefined && document !== undefined) report.configured(entity)
    const tenant =
      inFile ?? (document && buildDirectoryTenant(id, document, { config, plans, report }))
    if (tenant === undefined) all.tenants.delete(id)
    else all.tenants.set(id, tenant)
    for (const user of entries.userIdsOf(id)) lookAtUser({ tenant: id, user }, all)
  }

  /** Puts a user of the directory into force, or takes one out who is not there any more. */
  function lookAtUser({ tenant: id, user }: { tenant: string; user: string }, all: Known): void {
    const { config } = all.settings
    report.forget({ kind: 'user', tenant: id, user })
    const tenant = all.tenants.get(id)
    if (tenant === undefined) return
    const made = directoryUser(
      { tenant, user },
      { config, plans: all.identities.plans, entries, report },
    )
    if (made === 'configured') return
    const users = ownUsers(tenant, all)
    if (made === undefined) users.delete(user)
    else users.set(user, made)
  }

  const owned = new WeakSet<object>()

  /** The users of a tenant in a map that may be changed: a file's are frozen. */
  function ownUsers(
    tenant: Tenant,
    all: Known,
  ): Map<string, NonNullable<ReturnType<Tenant['users']['get']>>> {
    if (owned.has(tenant.users)) return tenant.users as ReturnType<typeof ownUsers>
    const users: ReturnType<typeof ownUsers> = new Map(tenant.users)
    owned.add(users)
    all.tenants.set(tenant.id, Object.freeze({ ...tenant, users }))
    return users
  }

  /** Only what has changed is looked at, and what hangs on it. */
  function changesOnly(before: Known, changed: DirectoryChanges): Known {
    const all = changed.plans.size === 0 ? before : withPlans(before)
    const tenants = new Set([...changed.tenants, ...entries.tenantsWithPlans(changed.plans)])
    for (const id of tenants) {
      lookAtTenant(id, all)
      for (const key of entries.keyIdsOf(id)) keyRecords.lookAt(key, all)
    }
    for (const [tenant, users] of changed.users) {
      if (tenants.has(tenant)) continue
      for (const user of users) {
        lookAtUser({ tenant, user }, all)
        for (const key of entries.keyIdsOf(tenant, user)) keyRecords.lookAt(key, all)
      }
    }
    for (const id of changed.keys) keyRecords.lookAt(id, all)
    return all
  }

  function withPlans(before: Known): Known {
    const { config } = before.settings
    for (const name of entries.changed().plans) report.forget({ kind: 'plan', plan: name })
    const plans: ReadonlyMap<string, Plan> = buildDirectoryPlans(entries.plans, {
      config,
      hashing,
      report,
    })
    return { ...before, identities: Object.freeze({ ...before.identities, plans }) }
  }

  return {
    entries,
    over(settings) {
      const isSame =
        known?.settings.config === settings.config && known.settings.secrets === settings.secrets
      known =
        isSame && known !== undefined ? changesOnly(known, entries.changed()) : everything(settings)
      entries.taken()
      return known.identities
    },
    problems() {
      const unreadable = [...entries.unreadable].map(([name, message]) => ({ name, message }))
      return [...unreadable, ...report.problems()]
    },
    problemOf: (name) => entries.unreadable.get(name) ?? report.problemOf(name),
  }
}
