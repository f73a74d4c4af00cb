import type { SqlDatabase, SqlRow } from '../../sql-database.ts'
import { createGroupCommit } from '../group-commit.ts'
import type { Hold } from '../port.ts'

/** A reservation as the gateway that made it can put it back. */
export interface JournalEntry {
  readonly partition: number
  readonly rid: string
  readonly fingerprint: string
  readonly subjects: readonly string[]
  readonly hold: Hold
  /** Limits of the hold's entries when it was made, in its order. */
  readonly limits: readonly number[]
  readonly expMs: number
  readonly note: string
  /** Notes that it had before, the newest last: one that stands again has lost its amendment. */
  readonly earlierNotes?: readonly string[]
}

/** Where and when an entry was seen pending. */
export interface Seen {
  /** Id of the epoch, as of `epochId`. */
  readonly epoch: string
  /** The ledger's clock. */
  readonly nowMs: number
}

/** What this gateway has granted and may have to put back. */
export interface Journal {
  /** Resolves when the entry survives the end of this process. Throws when it will not. */
  record(entry: JournalEntry, seen: Seen): Promise<void>
  /** The same for many of one partition: all of them or none. */
  recordAll(entries: readonly JournalEntry[], seen: Seen): Promise<void>
  find(rid: string): { readonly entry: JournalEntry; readonly epoch: string } | undefined
  /** The reservation has ended. An id that is not there does no harm. */
  ended(rid: string, nowMs: number): Promise<void>
  /** Whether `outdated` would find any: cheap when asked again, so that every look may. */
  hasOutdated(partition: number, seen: Seen): boolean
  /**
   * Up to 500 entries of a partition that are to be put back: made, or put back, under another epoch.
   * Those that are said to be restated make room for the next.
   */
  outdated(partition: number, seen: Seen): readonly JournalEntry[]
  /** The entries have been put back under this epoch. */
  restated(rids: readonly string[], epoch: string): Promise<void>
  close(): Promise<void>
}

export interface JournalOptions {
  /** An open database of this gateway alone. */
  readonly database: SqlDatabase
  /** How long the ledger remembers an ended reservation, in milliseconds: 2 h and more. */
  readonly retentionMs: number
  /** Runs a function after the current turn of the event loop. */
  readonly schedule: (run: () => void) => void
}

const PAGE = 500
const PRUNE_EVERY = 1_000
/** Entries are kept this long past their end: the ledger's clock may step back. */
const KEPT_MS = 3_600_000
/**
 * A reservation is put back for this long after its end: a failover may lose the end as well, and
 * then it ends once more. Well below the shortest retention.
 */
const ENDED_MS = 3_600_000
/** How much earlier than the ledger an entry forgets: the end may have been on its way. */
const MARGIN_MS = 60_000
// `until`: not put back from then on. The index leads to the entries of each epoch without the others.
const TABLE = `
  CREATE TABLE IF NOT EXISTS granted (
    rid TEXT PRIMARY KEY, part INTEGER NOT NULL, epoch TEXT NOT NULL,
    until INTEGER NOT NULL, entry TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS granted_epoch ON granted (part, epoch, until);
  CREATE INDEX IF NOT EXISTS granted_until ON granted (until);
`

/**
 * The journal of durability `async`: SQLite in WAL mode with `synchronous = NORMAL`, which survives the
 * end of the process and may lose its last moments with the power (`ledger.md` section 9).
 */
export function openJournal({ database, retentionMs, schedule }: JournalOptions): Journal {
  database.exec('PRAGMA journal_mode = WAL')
  database.exec('PRAGMA synchronous = NORMAL')
  database.exec(TABLE)
  const insert = database.prepare(
    'INSERT OR REPLACE INTO granted (rid, part, epoch, until, entry) VALUES (?, ?, ?, ?, ?)',
  )
  const select = database.prepare('SELECT epoch, entry FROM granted WHERE rid = ?')
  const renew = database.prepare('UPDATE granted SET epoch = ? WHERE rid = ?')
  const end = database.prepare('UPDATE granted SET until = min(until, ?) WHERE rid = ?')
  const nextEpoch = database.prepare(
    'SELECT epoch FROM granted WHERE part = ? AND epoch > ? ORDER BY epoch LIMIT 1',
  )
  const page = database.prepare(
    'SELECT entry FROM granted WHERE part = ? AND epoch = ? AND until > ? ORDER BY until LIMIT ?',
  )
  const prune = database.prepare('DELETE FROM granted WHERE until < ?')
  const commits = createGroupCommit({ database, schedule, flush: () => {}, forget: () => {} })
  /** Epochs under which nothing of a partition is outdated. */
  const restatedUnder = new Map<number, string>()
  let recorded = 0

  // While it may be that an end is forgotten, an entry must not come back: it would count twice.
  function untilOf({ expMs }: JournalEntry, nowMs: number): number {
    return Math.min(expMs, nowMs + retentionMs - MARGIN_MS)
  }

  function find(partition: number, { epoch, nowMs }: Seen, limit: number): readonly SqlRow[] {
    if (restatedUnder.get(partition) === epoch) return []
    for (let other = nextEpoch.get(partition, ''); other !== undefined; ) {
      const name = String(other.epoch)
      const rows = name === epoch ? [] : page.all(partition, name, nowMs, limit)
      if (rows.length > 0) return rows
      other = nextEpoch.get(partition, name)
    }
    restatedUnder.set(partition, epoch)
    return []
  }

  function recordAll(entries: readonly JournalEntry[], { epoch, nowMs }: Seen): Promise<void> {
    recorded += entries.length
    const full = recorded >= PRUNE_EVERY
    if (full) recorded = 0
    return commits.run(() => {
      for (const entry of entries) {
        const { rid, partition } = entry
        insert.run(rid, partition, epoch, untilOf(entry, nowMs), JSON.stringify(entry))
        if (restatedUnder.get(partition) !== epoch) restatedUnder.delete(partition)
      }
      if (full) prune.run(nowMs - KEPT_MS)
    }, entries.length)
  }

  return {
    record: (entry, seen) => recordAll([entry], seen),
    recordAll,
    find(rid) {
      const row = select.get(rid)
      return row && { entry: entryIn(row), epoch: String(row.epoch) }
    },
    ended: (rid, nowMs) => commits.run(() => void end.run(nowMs + ENDED_MS, rid)),
    hasOutdated: (partition, seen) => find(partition, seen, 1).length > 0,
    outdated: (partition, seen) => find(partition, seen, PAGE).map(entryIn),
    restated: (rids, epoch) =>
      commits.run(() => {
        for (const rid of rids) renew.run(epoch, rid)
      }),
    async close() {
      await commits.close()
      database.close()
    },
  }
}

function entryIn({ entry }: SqlRow): JournalEntry {
  return JSON.parse(String(entry)) as JournalEntry
}
