import type { Clock } from '../../clock.ts'
import { createGroupCommit } from '../group-commit.ts'
import type { Hold, ReserveCommand } from '../port.ts'
import type { SqlDatabase } from '../sql-database.ts'

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
}

/** What this gateway has granted and may have to put back. */
export interface Journal {
  /** Resolves when the entry survives the end of this process. */
  record(entry: JournalEntry, generation: number): Promise<void>
  /** Entries of a partition that are not over and were made, or put back, under another generation. */
  outdated(partition: number, generation: number, nowMs: number): readonly JournalEntry[]
  /** The entry stands in the ledger of this generation. */
  restated(rid: string, generation: number): Promise<void>
  close(): Promise<void>
}

export interface JournalOptions {
  /** An open database of this gateway alone. */
  readonly database: SqlDatabase
  readonly clock: Clock
  /** Runs a function after the current turn of the event loop. */
  readonly schedule: (run: () => void) => void
}

/** Entries are kept this long past their end: the ledger's clock may be behind. */
const KEPT_MS = 3_600_000
const PRUNE_EVERY = 1_000
const TABLE = `
  CREATE TABLE IF NOT EXISTS journal (
    rid TEXT PRIMARY KEY, part INTEGER NOT NULL, generation INTEGER NOT NULL,
    exp INTEGER NOT NULL, entry TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS journal_part ON journal (part, generation);
  CREATE INDEX IF NOT EXISTS journal_exp ON journal (exp);
`

/**
 * The journal of durability `async`: SQLite in WAL mode with `synchronous = NORMAL`, which survives the
 * end of the process and may lose its last moments with the power (`ledger.md` section 9).
 */
export function openJournal({ database, clock, schedule }: JournalOptions): Journal {
  database.exec('PRAGMA journal_mode = WAL')
  database.exec('PRAGMA synchronous = NORMAL')
  database.exec(TABLE)
  const insert = database.prepare(
    'INSERT OR REPLACE INTO journal (rid, part, generation, exp, entry) VALUES (?, ?, ?, ?, ?)',
  )
  const update = database.prepare('UPDATE journal SET generation = ? WHERE rid = ?')
  const select = database.prepare(
    'SELECT entry FROM journal WHERE part = ? AND generation <> ? AND exp > ?',
  )
  const prune = database.prepare('DELETE FROM journal WHERE exp < ?')
  const commits = createGroupCommit({ database, schedule, flush: () => {}, forget: () => {} })
  let recorded = 0
  return {
    record(entry, generation) {
      const { rid, partition, expMs } = entry
      recorded += 1
      const full = recorded % PRUNE_EVERY === 0
      return commits.run(() => {
        insert.run(rid, partition, generation, expMs, JSON.stringify(entry))
        if (full) prune.run(clock.nowMs() - KEPT_MS)
      })
    },
    outdated: (partition, generation, nowMs) =>
      select
        .all(partition, generation, nowMs)
        .map(({ entry }) => JSON.parse(String(entry)) as JournalEntry),
    restated: (rid, generation) => commits.run(() => void update.run(generation, rid)),
    async close() {
      await commits.close()
      database.close()
    },
  }
}

/** The entry of a reservation that has just been made. */
export function entryOf(command: ReserveCommand, expMs: number): JournalEntry {
  const { partition, rid, fingerprint, subjects, hold, check, note } = command
  const limits = limitsOf(check, hold)
  return { partition, rid, fingerprint, subjects, hold, limits, expMs, note }
}

/** The limits in a check: behind the rates of each subject. */
function limitsOf(check: readonly number[], hold: Hold): number[] {
  const limits: number[] = []
  let c = 2
  for (let h = 0; h < hold.length; ) {
    const quotas = hold[h] ?? 0
    c += 1 + 3 * (check[c] ?? 0)
    limits.push(...check.slice(c, c + quotas))
    c += quotas
    h += 1 + 4 * quotas
  }
  return limits
}
