import type { Clock } from '../../clock.ts'
import { UNWRITTEN } from '../../config/directory/directory-entries.ts'
import { documentName } from '../../config/directory/document-name.ts'
import type { Logger } from '../../log.ts'
import type { LiveConfig } from '../live-config.ts'
import type { Directory } from './directory.ts'

/** Users of tokens that the directory remembers, of all tenants together; others are still let in. */
export const MAX_SEEN_USERS = 100_000
/** Users that are being written down at once. */
const MAX_UNDER_WAY = 64

/** Users that appear on first sight, with their tenant's plan or the one that their token asks for. */
export interface Sightings {
  /** Notes that a user's token was verified. Nobody waits for it. */
  note(user: { readonly tenant: string; readonly user: string; readonly plan?: string }): void
  /** Waits for what is being written down. */
  settled(): Promise<void>
}

/** Writes users into a directory whose tokens were verified. */
export function createSightings({
  directory,
  live,
  clock,
  log,
  maxUsers = MAX_SEEN_USERS,
}: {
  readonly directory: Directory
  readonly live: Pick<LiveConfig, 'file'>
  readonly clock: Clock
  readonly log: Logger
  readonly maxUsers?: number
}): Sightings {
  const underWay = new Map<string, Promise<void>>()
  let toldFull = false

  function isFull(): boolean {
    let known = 0
    for (const users of directory.entries.users.values()) known += users.size
    if (known >= maxUsers && !toldFull) log.warn('directory.users_full', { users: known })
    toldFull ||= known >= maxUsers
    return known >= maxUsers
  }

  async function write(name: string, value: string): Promise<void> {
    try {
      const version = directory.document(name)?.version ?? UNWRITTEN
      await directory.put({ name, value, ifVersion: version })
    } catch (error) {
      log.warn('directory.user_not_noted', { error })
    }
  }

  return {
    note({ tenant, user, plan }) {
      if (live.file.tenants.get(tenant)?.users.has(user) === true) return
      const known = directory.entries.users.get(tenant)?.get(user)
      const name = documentName({ kind: 'user', tenant, user })
      const isWritten = directory.document(name)?.version !== UNWRITTEN
      if (known !== undefined && known.claimedPlan === plan && isWritten) return
      if (underWay.has(name) || underWay.size >= MAX_UNDER_WAY) return
      if (known === undefined && isFull()) return
      const { firstSeenAtMs = clock.nowMs(), claimedPlan: _, ...set } = known ?? {}
      const seen = { ...set, firstSeenAtMs, ...(plan !== undefined && { claimedPlan: plan }) }
      const value = JSON.stringify(seen)
      // Counts at once: limits of the first request are those of the plan that was asked for.
      directory.assume(name, value)
      const writing = write(name, value).finally(() => underWay.delete(name))
      underWay.set(name, writing)
    },
    async settled() {
      await Promise.all(underWay.values())
    },
  }
}
