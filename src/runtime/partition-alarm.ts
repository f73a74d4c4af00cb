import type { DurableObjectStorage } from 'cloudflare:workers'
import type { SqlDatabase } from '../sql-database.ts'
import { openObjectMeta } from './object-meta.ts'

/** What an object's alarm has to do. */
export interface PartitionAlarm {
  /** Sees to it that whatever is due is looked at in its time. Call it in the turn that has written. */
  wakeFor(partition: number): void
  /** Looks at what is due, and sets the next alarm. Never throws. */
  ring(): Promise<void>
}

export interface PartitionAlarmOptions {
  readonly database: SqlDatabase
  readonly storage: Pick<DurableObjectStorage, 'setAlarm'>
  /** The ledger's clock. */
  readonly nowMs: () => number
  /** Looks once at what is due in a partition. Answers how long ended reservations are kept, in milliseconds. */
  readonly sweep: (partition: number) => Promise<{ readonly retentionMs: number }>
}

/** Between two sweeps, in milliseconds, however much is due: each claims what has gathered meanwhile. */
const PAUSE_MS = 1_000
const PAUSE_AFTER_FAILURE_MS = 10_000

/**
 * An alarm that rings when the next reservation is due, or the oldest ended one is to be forgotten. An
 * object has one alarm, and it outlives the object: so it is set for the earliest of all.
 */
export function createPartitionAlarm(options: PartitionAlarmOptions): PartitionAlarm {
  const { database, storage, nowMs, sweep } = options
  const due = database.prepare(
    'SELECT due AS atMs FROM reservation WHERE due IS NOT NULL ORDER BY due LIMIT 1',
  )
  const ended = database.prepare(
    'SELECT ended AS atMs FROM reservation WHERE ended IS NOT NULL ORDER BY ended LIMIT 1',
  )
  const meta = openObjectMeta(database)
  let partition = meta.get('partition')
  /** Of the alarm that is set; undefined: nobody here has set one. */
  let alarmAtMs: number | undefined

  function setFor(atMs: number): void {
    alarmAtMs = atMs
    // Written with all else of this turn; answers wait for it.
    void storage.setAlarm(atMs)
  }

  const dueMs = () => Number(due.get()?.atMs ?? Infinity)
  const endedMs = () => Number(ended.get()?.atMs ?? Infinity)

  return {
    wakeFor(ofPartition) {
      // An object does not know its name when its alarm rings.
      if (partition === undefined) {
        partition = String(ofPartition)
        meta.set('partition', partition)
      }
      const atMs = dueMs()
      if (atMs < (alarmAtMs ?? Infinity)) setFor(atMs)
    },
    async ring() {
      alarmAtMs = undefined
      if (partition === undefined) return
      let restMs = PAUSE_AFTER_FAILURE_MS
      // Not known after a failure: then an ended one is reason enough to try again.
      let retentionMs = 0
      try {
        const swept = await sweep(Number(partition))
        retentionMs = swept.retentionMs
        restMs = PAUSE_MS
      } catch {
        // Whoever sweeps has told the log; what was due is due again.
      }
      const atMs = Math.max(Math.min(dueMs(), endedMs() + retentionMs), nowMs() + restMs)
      if (atMs < Infinity) setFor(atMs)
    },
  }
}
