import type { KeyRecord } from '../../auth/key-record.ts'
import type { Hashing } from '../../hashing.ts'
import type { Plan } from '../../limits/plan.ts'
import type { Config, Secrets, Tenant, User } from '../config.ts'
import { buildDirectoryKey } from './build-directory-key.ts'
import { buildDirectoryPlans, buildDirectoryTenant, buildDirectoryUser } from './build-entities.ts'
import {
  createDirectoryEntries,
  type DirectoryEntries,
  type UserSettings,
} from './directory-entries.ts'
import { createDirectoryReport, type DirectoryProblem } from './directory-report.ts'
import { documentName } from './document-name.ts'
import type { KeyDocument } from './key-document.ts'

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
   * `problems` says so, and names what cannot be used. What has not changed since the last call is the same
   * object again.
   */
  over(settings: Settings): Identities
  /** Of the last call of `over`. */
  problems(): readonly DirectoryProblem[]
}

/** An empty directory. */
export function createDirectoryOverlay({
  hashing,
}: {
  readonly hashing: Hashing
}): DirectoryOverlay {
  const entries = createDirectoryEntries()
  const report = createDirectoryReport()
  let last: { readonly settings: Settings; readonly identities: Identities } | undefined

  /** Records of keys, by the document, with what they were made by. */
  const records = new WeakMap<KeyDocument, MadeRecord>()
  const bucketNames = new WeakMap<Config['buckets'], ReadonlySet<string>>()

  function bucketNamesOf({ buckets }: Config): ReadonlySet<string> {
    const names = bucketNames.get(buckets) ?? new Set(buckets.keys())
    bucketNames.set(buckets, names)
    return names
  }

  /** The same record again where nothing that it was made by has changed: nothing is verified anew. */
  function reusable(document: KeyDocument, config: Config, { allow }: Tenant) {
    const made = records.get(document)
    const isSame = made?.ceiling === allow && made?.bucketNames === bucketNamesOf(config)
    return isSame ? made.record : undefined
  }

  function everything({ config }: Settings): Identities {
    report.clear()
    const plans = buildDirectoryPlans(entries.plans, { config, hashing, report })
    const names = new Set([...config.tenants.keys(), ...entries.tenants.keys()])
    const tenants = new Map<string, Tenant>()
    for (const id of names) {
      const tenant = tenantOf(id, config, plans)
      if (tenant !== undefined) tenants.set(id, tenant)
    }
    const keys = new Map<string, KeyRecord>(config.keys)
    for (const id of entries.keys.keys()) addKey(id, { config, tenants, keys })
    return Object.freeze({ plans, tenants: withKeyIds(tenants, keys), keys })
  }

  /** The tenant of the file, or of the directory, with the directory's users in it. */
  function tenantOf(
    id: string,
    config: Config,
    plans: ReadonlyMap<string, Plan>,
  ): Tenant | undefined {
    const inFile = config.tenants.get(id)
    const document = entries.tenants.get(id)
    if (inFile !== undefined && document !== undefined)
      report.configured({ kind: 'tenant', tenant: id })
    const tenant =
      inFile ?? (document && buildDirectoryTenant(id, document, { config, plans, report }))
    if (tenant === undefined) return undefined
    const more = entries.users.get(id)
    if (more === undefined || more.size === 0) return tenant
    return usersIn(tenant, more.keys(), { config, plans })
  }

  /** The tenant with these users of the directory made anew. */
  function usersIn(
    tenant: Tenant,
    ids: Iterable<string>,
    { config, plans }: { readonly config: Config; readonly plans: ReadonlyMap<string, Plan> },
  ): Tenant {
    const inFile = config.tenants.get(tenant.id)?.users
    const users = new Map<string, User>(tenant.users)
    for (const id of ids) {
      const document = entries.users.get(tenant.id)?.get(id)
      if (inFile?.has(id) === true) {
        // That somebody was seen whom the file names is no conflict.
        if (document !== undefined && isSet(document)) {
          report.configured({ kind: 'user', tenant: tenant.id, user: id })
        }
        continue
      }
      const built = document && buildDirectoryUser(id, document, { tenant, plans, report })
      const name = documentName({ kind: 'user', tenant: tenant.id, user: id })
      const isBroken =
        built === undefined && (document !== undefined || entries.unreadable.has(name))
      const user = isBroken ? outOfUse(id, tenant) : built
      if (user === undefined) users.delete(id)
      else users.set(id, user)
    }
    return Object.freeze({ ...tenant, users })
  }

  function addKey(
    id: string,
    into: {
      readonly config: Config
      readonly tenants: ReadonlyMap<string, Tenant>
      readonly keys: Map<string, KeyRecord>
    },
  ): void {
    const { config, tenants, keys } = into
    const document = entries.keys.get(id)
    if (config.keys.has(id)) {
      if (document !== undefined) report.configured({ kind: 'key', key: id })
      return
    }
    const tenant = document && tenants.get(document.tenant)
    const problem = { kind: 'key', key: id } as const
    if (document !== undefined && tenant === undefined) {
      report.unusable(problem, 'belongs to a tenant that is not there')
    }
    const record =
      document === undefined || tenant === undefined
        ? undefined
        : (reusable(document, config, tenant) ??
          report.checked(problem, (part) => {
            const ceiling = tenant.allow
            const bucketNames = bucketNamesOf(config)
            const at = { bucketNames, ceiling, report: part, path: ['keys', id] }
            const built = buildDirectoryKey(document, at)
            if (built !== undefined && part.problems().length === 0) {
              records.set(document, { record: built, ceiling, bucketNames })
            }
            return built
          }))
    if (record === undefined) keys.delete(id)
    else keys.set(id, record)
  }

  /** Only what has changed is made anew: users and keys come one by one, and there may be many. */
  function changesOnly({ config }: Settings, before: Identities): Identities {
    const { plans } = before
    const changed = entries.changed()
    const tenants = new Map(before.tenants)
    for (const [id, users] of changed.users) {
      const tenant = tenants.get(id)
      if (tenant !== undefined) tenants.set(id, usersIn(tenant, users, { config, plans }))
    }
    if (changed.keys.size === 0) return Object.freeze({ ...before, tenants })
    const keys = new Map(before.keys)
    for (const id of changed.keys) addKey(id, { config, tenants, keys })
    return Object.freeze({ plans, tenants: withKeyIds(tenants, keys), keys })
  }

  return {
    entries,
    over(settings) {
      const changed = entries.changed()
      const whole =
        last === undefined ||
        last.settings.config !== settings.config ||
        last.settings.secrets !== settings.secrets ||
        changed.plansOrTenants
      const isSame = !whole && changed.users.size + changed.keys.size === 0
      if (isSame && last !== undefined) return last.identities
      const identities =
        whole || last === undefined ? everything(settings) : changesOnly(settings, last.identities)
      entries.taken()
      last = { settings, identities }
      return identities
    },
    problems() {
      const unreadable = [...entries.unreadable].map(([name, message]) => ({ name, message }))
      return [...unreadable, ...report.problems()]
    },
  }
}

interface MadeRecord {
  readonly record: KeyRecord
  readonly ceiling: Tenant['allow']
  readonly bucketNames: ReadonlySet<string>
}

/** Tenants name their keys. */
function withKeyIds(
  tenants: Map<string, Tenant>,
  keys: ReadonlyMap<string, KeyRecord>,
): Map<string, Tenant> {
  const ids = new Map<string, string[]>()
  for (const { id, tenant } of keys.values()) {
    const own = ids.get(tenant) ?? []
    own.push(id)
    ids.set(tenant, own)
  }
  for (const [id, tenant] of tenants) {
    const own = ids.get(id) ?? []
    const isSame =
      own.length === tenant.keys.length && own.every((key, at) => key === tenant.keys[at])
    if (!isSame) tenants.set(id, Object.freeze({ ...tenant, keys: own }))
  }
  return tenants
}

/**
 * A user whose settings cannot be used. Without any it would have what the tenant's users have, which may
 * be more than an operator gave it, and act again if it was suspended.
 */
function outOfUse(id: string, { plan, planName }: Tenant): User {
  return Object.freeze({ id, plan, planName, suspended: true })
}

/** Whether an operator has set something about a user, beyond that it was seen. */
function isSet({ plan, overrides, suspended }: UserSettings): boolean {
  return plan !== undefined || overrides !== undefined || suspended !== undefined
}
