import type { Config } from '../../config/config.ts'
import { subjectId } from '../../ledger/subject-id.ts'
import { limitId } from '../../limits/limit-id.ts'
import type { Quota } from '../../limits/plan.ts'
import type { GatewayContext } from '../context.ts'
import type { namesOf } from '../ledger-report.ts'
import { totalName } from '../stored-sums.ts'
import type { TotalFinding } from './finding.ts'
import type { RunSums } from './sums.ts'

/** Of one partition: with one of them an operator knows of the limit. */
const MAX_NEW = 100

/**
 * Stored totals that are younger than objects of those whom they limit. Such an object is not charged to
 * them, and its removal credits nothing there: so they are right as they are, and count from now on.
 */
export function newTotals(
  context: Pick<GatewayContext, 'config' | 'hashing' | 'ledger'>,
  {
    totals,
    sums,
    nameOf,
  }: {
    readonly totals: readonly Pick<TotalFinding, 'subject' | 'limitId' | 'posted'>[]
    readonly sums: Pick<RunSums, 'totals' | 'subjects'>
    readonly nameOf: ReturnType<typeof namesOf>
  },
): TotalFinding[] {
  const { config, hashing } = context
  const found: TotalFinding[] = []
  for (const [subject, all] of objectsBySubject(context, sums, nameOf)) {
    const { tenant, user } = nameOf({ subject, limitId: 0 })
    for (const { policy } of quotasOf(config, { tenant, user })) {
      const id = limitId(hashing, policy)
      const sum = sums.totals.get(totalName({ subject, limitId: id }))
      const objects = all - (sum?.objects ?? 0)
      if (objects <= 0) continue
      const total = totals.find((each) => each.subject === subject && each.limitId === id)
      const amounts = { posted: total?.posted ?? 0, found: sum?.amount ?? 0 }
      const whose = { ...(tenant !== undefined && { tenant }), ...(user !== undefined && { user }) }
      const limit = { subject, limitId: id, policy }
      found.push({ kind: 'total', action: 'new', ...limit, ...whose, ...amounts, objects })
      if (found.length === MAX_NEW) return found
    }
  }
  return found
}

/** A ticket names no tenant that had no limit yet: its objects are those of its users. */
function objectsBySubject(
  { hashing, ledger }: Pick<GatewayContext, 'hashing' | 'ledger'>,
  { subjects }: Pick<RunSums, 'subjects'>,
  nameOf: ReturnType<typeof namesOf>,
): Map<string, number> {
  const ofUsers = new Map<string, number>()
  const all = new Map([...subjects].map(([subject, { objects }]) => [subject, objects]))
  for (const [subject, { objects }] of subjects) {
    const { tenant, user } = nameOf({ subject, limitId: 0 })
    if (tenant === undefined || user === undefined) continue
    ofUsers.set(tenant, (ofUsers.get(tenant) ?? 0) + objects)
  }
  for (const [tenant, objects] of ofUsers) {
    const subject = subjectId(hashing, ledger.salt, 't', tenant, '')
    all.set(subject, Math.max(all.get(subject) ?? 0, objects))
  }
  return all
}

/** Stored totals that the configuration has of a user, or of a tenant where no user is named. */
export function quotasOf(
  { tenants }: Pick<Config, 'tenants'>,
  {
    tenant: name,
    user,
  }: { readonly tenant?: string | undefined; readonly user?: string | undefined },
): readonly Quota[] {
  const tenant = tenants.get(name ?? '')
  const plan = user === undefined ? tenant?.plan : tenant?.users.get(user)?.plan
  const per = user === undefined ? 'tenant' : 'user'
  const isStored = ({ unit }: Quota) => unit === 'stored-bytes' || unit === 'stored-objects'
  return plan?.quotas.filter((quota) => quota.per === per && isStored(quota)) ?? []
}
