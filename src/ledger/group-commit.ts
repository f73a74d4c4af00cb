import { GatewayError } from '../errors.ts'
import { type SqlDatabase, transact } from '../sql-database.ts'

/** Records of one transaction; an item that has more of them is alone in its own. */
const MAX_BATCH = 64
/** Work items that may wait; more are refused. */
const MAX_QUEUE = 2_048
/** Records that may wait, of all items together. */
const MAX_RECORDS = 32_768

interface Item {
  readonly records: number
  readonly work: () => unknown
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

/** Runs work in transactions that many callers share; answers come after the commit. */
export interface GroupCommit {
  /** `records`: how many the work may write, which is what takes its time. Default 1. */
  run<T>(work: () => T, records?: number): Promise<T>
  /** Resolves when everything that was queued is answered. Nothing is taken after it. */
  close(): Promise<void>
}

/**
 * All work of one turn of the event loop, at most 64 records, goes into one transaction. When one
 * throws, the transaction is rolled back and each item runs in one of its own, so that it harms
 * nobody else. Rejects with `Overloaded` beyond 2,048 waiting items or 32,768 records, and with `LedgerUnavailable`
 * for whatever the database says.
 */
export function createGroupCommit(options: {
  readonly database: SqlDatabase
  /** Runs the function later, after the current turn of the event loop. */
  readonly schedule: (run: () => void) => void
  /** Called in the transaction after the work and before the commit. */
  readonly flush: () => void
  /** Called after a rollback: what was kept for `flush` is void. */
  readonly forget: () => void
}): GroupCommit {
  const { database, schedule, flush, forget } = options
  const queue: Item[] = []
  let waiting = 0
  let scheduled = false
  let closed = false
  const drained: (() => void)[] = []

  function commitBatch(): void {
    scheduled = false
    const batch = nextBatch()
    try {
      answer(batch, commit(batch))
    } catch (error) {
      if (batch.length === 1) batch[0]?.reject(unavailable(error))
      else for (const item of batch) commitAlone(item)
    }
    if (queue.length > 0) wake()
    else for (const resolve of drained.splice(0)) resolve()
  }

  function nextBatch(): Item[] {
    let records = 0
    const end = queue.findIndex((item, at) => {
      records += item.records
      return records > MAX_BATCH && at > 0
    })
    const batch = queue.splice(0, end === -1 ? queue.length : end)
    for (const item of batch) waiting -= item.records
    return batch
  }

  function commit(batch: readonly Item[]): unknown[] {
    try {
      return transact(database, () => {
        const results = batch.map(({ work }) => work())
        flush()
        return results
      })
    } catch (error) {
      forget()
      throw error
    }
  }

  function commitAlone(item: Item): void {
    try {
      answer([item], commit([item]))
    } catch (error) {
      item.reject(unavailable(error))
    }
  }

  function wake(): void {
    if (scheduled) return
    scheduled = true
    schedule(commitBatch)
  }

  return {
    run<T>(work: () => T, records = 1): Promise<T> {
      if (closed) return Promise.reject(unavailable(new Error('the ledger is closed')))
      if (queue.length >= MAX_QUEUE || waiting + records > MAX_RECORDS) {
        return Promise.reject(
          new GatewayError('Overloaded', 'Cannot decide: too many decisions are waiting'),
        )
      }
      return new Promise<T>((resolve, reject) => {
        waiting += records
        queue.push({ work, records, resolve: resolve as (value: unknown) => void, reject })
        wake()
      })
    },
    async close() {
      closed = true
      if (queue.length === 0) return
      await new Promise<void>((resolve) => {
        drained.push(resolve)
      })
    },
  }
}

/** The error for whatever a database says: the cause is for the log. */
export function unavailable(cause: unknown): GatewayError {
  if (cause instanceof GatewayError) return cause
  return new GatewayError('LedgerUnavailable', 'Cannot decide: the ledger does not answer', {
    cause,
  })
}

function answer(batch: readonly Item[], results: readonly unknown[]): void {
  for (const [index, item] of batch.entries()) item.resolve(results[index])
}
