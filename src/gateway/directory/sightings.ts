import type { Clock } from '../../clock.ts'
import { UNWRITTEN } from '../../config/directory/directory-entries.ts'
import { documentName } from '../../config/directory/document-name.ts'
import { GatewayError } from '../../errors.ts'
import type { Logger } from '../../log.ts'
import type { StateDocument } from '../../state/port.ts'
import type { LiveConfig } from '../live-config.ts'
import type { Directory } from './directory.ts'

/** Users that the directory remembers, of all tenants together; others are still let in. */
export const MAX_SEEN_USERS = 100_000
/** A user is written down at most once in so long, in milliseconds, whatever its tokens ask for. */
export const WRITE_EVERY_MS = 60_000
/** Users that are being written down at once. */
const MAX_UNDER_WAY = 64

/** Users that appear on first sight, with their tenant's plan or the one that their token asks for. */
export interface Sightings {
  /**
   * Notes that a user's token was verified: from now on it has the plan that this token asks for. Nobody
   * waits until it is written down. Throws `Overloaded` for a user who cannot be remembered and asks for
   * another plan than its tenant's, which may be more.
   */
  note(user: Sighted): void
  /** Waits for what is being written down. */
  settled(): Promise<void>
}

interface Sighted {
  readonly tenant: string
  readonly user: string
  readonly plan?: string
}

/** Writes users into a directory whose tokens were verified. */
export function createSightings({
  directory,
  live,
  clock,
  log,
  maxUsers = MAX_SEEN_USERS,
}: {
  readonly directory: Pick<Directory, 'entries' | 'document' | 'put'>
  readonly live: Pick<LiveConfig, 'file' | 'current' | 'refreshIdentities'>
  readonly clock: Clock
  readonly log: Logger
  readonly maxUsers?: number
}): Sightings {
  const underWay = new Map<string, Promise<void>>()
  /** When users were last written down, by document, oldest first. */
  const writtenAtMs = new Map<string, number>()
  /** What this gateway alone has. */
  const unwritten = new WeakSet<StateDocument>()
  let toldFull = false

  function isFull(): boolean {
    let known = 0
    for (const users of directory.entries.users.values()) known += users.size
    if (known >= maxUsers && !toldFull) log.warn('directory.users_full', { users: known })
    toldFull ||= known >= maxUsers
    return known >= maxUsers
  }

  /** Counts at once, over what is known: the limits of a request are those of the plan it asked for. */
  function take(name: string, value: string): void {
    const version = directory.document(name)?.version ?? UNWRITTEN
    const document: StateDocument = { name, value, version }
    unwritten.add(document)
    directory.entries.restore([document])
    live.refreshIdentities()
  }

  function writeLater(document: StateDocument): void {
    const { name } = document
    if (underWay.has(name) || underWay.size >= MAX_UNDER_WAY || isTooSoon(name)) return
    const writing = write(document).finally(() => underWay.delete(name))
    underWay.set(name, writing)
  }

  function isTooSoon(name: string): boolean {
    const nowMs = clock.nowMs()
    for (const [each, atMs] of writtenAtMs) {
      // A clock that was set back keeps nobody waiting for it.
      if (nowMs >= atMs && nowMs - atMs < WRITE_EVERY_MS) break
      writtenAtMs.delete(each)
    }
    if (writtenAtMs.has(name)) return true
    writtenAtMs.set(name, nowMs)
    return false
  }

  async function write({ name, value, version }: StateDocument): Promise<void> {
    try {
      await directory.put({ name, value, ifVersion: version })
    } catch (error) {
      log.warn('directory.user_not_noted', { error })
    }
  }

  return {
    note({ tenant, user, plan }) {
      if (live.file.tenants.get(tenant)?.users.has(user) === true) return
      const name = documentName({ kind: 'user', tenant, user })
      // What a newer version wrote is not this one's to replace.
      if (directory.entries.unreadable.has(name)) return
      const known = directory.entries.users.get(tenant)?.get(user)
      if (known === undefined && isFull()) {
        if (plan === undefined || plan === live.current.tenants.get(tenant)?.planName) return
        throw new GatewayError(
          'Overloaded',
          'Cannot act for this user: no more users can be remembered, and its token asks for a plan',
        )
      }
      if (known === undefined || known.claimedPlan !== plan) {
        const { firstSeenAtMs = clock.nowMs(), claimedPlan: _, ...set } = known ?? {}
        const seen = { ...set, firstSeenAtMs, ...(plan !== undefined && { claimedPlan: plan }) }
        take(name, JSON.stringify(seen))
      }
      const document = directory.document(name)
      if (document !== undefined && unwritten.has(document)) writeLater(document)
    },
    async settled() {
      await Promise.all(underWay.values())
    },
  }
}
