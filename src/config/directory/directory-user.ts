import type { Plan } from '../../limits/plan.ts'
import type { Config, Tenant, User } from '../config.ts'
import { buildDirectoryUser } from './build-entities.ts'
import type { DirectoryEntries, UserSettings } from './directory-entries.ts'
import type { DirectoryReport } from './directory-report.ts'
import { documentName } from './document-name.ts'

/**
 * A user as the directory has it, `undefined` for one that it does not have, and `configured` for one of
 * the file. One whose document cannot be used may not act: without its settings it would have what the
 * tenant's users have, which may be more than an operator gave it, and act again if it was suspended.
 */
export function directoryUser(
  { tenant, user: id }: { readonly tenant: Tenant; readonly user: string },
  {
    config,
    plans,
    entries,
    report,
  }: {
    readonly config: Config
    readonly plans: ReadonlyMap<string, Plan>
    readonly entries: DirectoryEntries
    readonly report: DirectoryReport
  },
): User | 'configured' | undefined {
  const document = entries.users.get(tenant.id)?.get(id)
  const entity = { kind: 'user', tenant: tenant.id, user: id } as const
  if (config.tenants.get(tenant.id)?.users.has(id) === true) {
    // That somebody was seen whom the file names is no conflict.
    if (document !== undefined && isSet(document)) report.configured(entity)
    return 'configured'
  }
  const outOfUse = { id, plan: tenant.plan, planName: tenant.planName, suspended: true } as const
  if (document === undefined) {
    return entries.unreadable.has(documentName(entity)) ? Object.freeze(outOfUse) : undefined
  }
  if (!isSet(document) && document.claimedPlan === undefined) {
    return Object.freeze({ id, plan: tenant.plan, planName: tenant.planName })
  }
  const user = buildDirectoryUser(id, document, { tenant, plans, report })
  return Object.freeze(user ?? outOfUse)
}

/** Whether an operator has set something about a user, beyond that it was seen. */
export function isSet({
  plan,
  overrides,
  suspended,
}: Pick<UserSettings, 'plan' | 'overrides' | 'suspended'>): boolean {
  return plan !== undefined || overrides !== undefined || suspended !== undefined
}
