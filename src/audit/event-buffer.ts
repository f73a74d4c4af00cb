import { GatewayError } from '../errors.ts'
import type { AuditEvent } from './port.ts'

export interface EventBufferOptions {
  /**
   * Records events in their order; rejects when the sink is full or gone, and is then given the same array
   * again before any other. One call at a time.
   */
  readonly write: (events: readonly AuditEvent[]) => Promise<void>
  /** Told once when the sink starts to fail, and once when it works again. */
  readonly onState?: ((state: 'failing' | 'working', error?: unknown) => void) | undefined
  /** Told at the end how many events no sink has taken. */
  readonly onLost?: ((count: number) => void) | undefined
  /** Events kept while the sink fails, 0 to 100,000. Default 10,000; then appends are refused. */
  readonly maxBuffered?: number | undefined
  /** Until a failing sink is tried again, in milliseconds; without a buffer each event tries. Default 1,000. */
  readonly retryMs?: number | undefined
  /** A write that takes longer counts as failing until it is done, in milliseconds. Default 2,000. */
  readonly slowMs?: number | undefined
  /** Waited for before a write, so that more events share it. Default: nothing. */
  readonly gather?: (() => Promise<void>) | undefined
}

/** A write, or one that is to come. */
interface Write {
  /** Resolves when it is over. */
  readonly done: Promise<void>
  /** The same, or when it turns out to hang. */
  readonly told: Promise<void>
  tell(): void
}

/** The writing half of an audit log. */
export interface EventBuffer {
  append(event: AuditEvent): Promise<void>
  /** Resolves when all that was appended before has been tried once. */
  flush(): Promise<void>
  /** Tries what waits for the last time. */
  close(): Promise<void>
}

/** Events of one write, at most. */
const MAX_BATCH = 1_000
const MAX_BUFFERED = 10_000
const RETRY_MS = 1_000
/** A disk that hangs, or a pool without a free thread, must not hold up whoever asks. */
const SLOW_MS = 2_000

/**
 * What all sinks have in common. Events of one moment share a write, and are recorded when it is done. While
 * the sink fails or hangs they wait in a bounded buffer, count as recorded, and keep nobody waiting; when it is full,
 * `append` rejects with `Overloaded`.
 */
export function createEventBuffer(options: EventBufferOptions): EventBuffer {
  const { write, onState, onLost, gather } = options
  const { maxBuffered = MAX_BUFFERED, retryMs = RETRY_MS, slowMs = SLOW_MS } = options
  let waiting: AuditEvent[] = []
  /** Of a write that failed: the sink may have them, so they come again as they were, before all others. */
  let unsure: readonly AuditEvent[] = []
  /** Events of the write under way: they count as buffered until the sink has them. */
  let writing = 0
  let failing = false
  let closed = false
  /** The write under way hangs: nobody waits for it any more. */
  let hanging = false
  let running: Write | undefined
  let following: Write | undefined
  let retry: ReturnType<typeof setTimeout> | undefined

  /** Writes what is there when it begins, oldest first; ends with the first write that fails. */
  async function writeAll(): Promise<void> {
    await gather?.()
    let left = unsure.length + waiting.length
    while (left > 0) {
      const written = await writeBatch()
      if (written === 0) break
      left -= written
    }
    if (failing) tryAgainLater()
    // What came while it failed has not asked for a write.
    else if (waiting.length > 0) void nextWrite()
  }

  /** Returns how many it wrote; 0: the sink failed. */
  async function writeBatch(): Promise<number> {
    const batch = unsure.length > 0 ? unsure : waiting.splice(0, MAX_BATCH)
    unsure = []
    writing = batch.length
    const late = setTimeout(hang, slowMs)
    try {
      await write(batch)
      if (failing) onState?.('working')
      failing = false
      return batch.length
    } catch (error) {
      unsure = batch
      if (!failing) onState?.('failing', error)
      failing = true
      return 0
    } finally {
      clearTimeout(late)
      hanging = false
      writing = 0
    }
  }

  function hang(): void {
    hanging = true
    if (!failing) onState?.('failing', new Error('Cannot write in time'))
    failing = true
    running?.tell()
    following?.tell()
  }

  const buffered = () => unsure.length + waiting.length + writing

  function tryAgainLater(): void {
    if (closed || retry !== undefined) return
    retry = setTimeout(() => {
      retry = undefined
      void nextWrite()
    }, retryMs)
  }

  /** The write after the one under way: it takes all that is there when it begins. */
  function nextWrite(): Write {
    if (following !== undefined) return following
    const told = Promise.withResolvers<void>()
    const done = (running?.done ?? Promise.resolve()).then(() => {
      running = next
      following = undefined
      return writeAll()
    })
    const next: Write = { done, told: told.promise, tell: told.resolve }
    following = next
    void done.then(told.resolve, told.reject)
    return next
  }

  // Without a buffer every event tries the sink, or nobody would notice that it works again.
  const isFull = () => failing && maxBuffered > 0 && buffered() >= maxBuffered

  return {
    async append(event) {
      if (isFull()) {
        throw new GatewayError('Overloaded', 'Cannot record the request: the audit log is full')
      }
      if (hanging && maxBuffered === 0) throw notNow()
      waiting.push(event)
      // It counts as recorded. A sink that fails is tried by the clock and not by every event: a try may
      // take long, and hold up everything else.
      if (failing && maxBuffered > 0) return
      await nextWrite().told
      if (failing && maxBuffered === 0) {
        waiting = []
        unsure = []
        throw notNow()
      }
    },
    flush: () => nextWrite().done,
    async close() {
      closed = true
      clearTimeout(retry)
      await nextWrite().done
      if (buffered() > 0) onLost?.(buffered())
    },
  }
}

function notNow(): GatewayError {
  return new GatewayError('Overloaded', 'Cannot record the request: the audit log is failing')
}
