import { GatewayError } from '../errors.ts'
import type { Audit } from './port.ts'

export interface JsonLinesOptions {
  /** Appends text to the sink; rejects when the sink is full or gone. One call at a time. */
  readonly write: (text: string) => Promise<void>
  /** Told once when the sink starts to fail, and once when it works again. */
  readonly onState?: (state: 'failing' | 'working', error?: unknown) => void
  /** Events kept while the sink fails, 0 to 100,000. Default 10,000; then appends are refused. */
  readonly maxBuffered?: number
}

/**
 * Audit as JSON lines. Events of one moment share a write. While the sink fails, events wait in a
 * bounded buffer and count as recorded; when it is full, `append` rejects with `Overloaded`.
 */
export function createJsonLinesAudit(options: JsonLinesOptions): Audit {
  const { write, onState, maxBuffered = 10_000 } = options
  let lines: string[] = []
  /** Lines of the write under way: they count as buffered until the sink has them. */
  let writing = 0
  let failing = false
  let running: Promise<void> | undefined
  let following: Promise<void> | undefined

  async function flush(): Promise<void> {
    const batch = lines
    lines = []
    writing = batch.length
    try {
      await write(batch.join(''))
      if (failing) onState?.('working')
      failing = false
    } catch (error) {
      lines = batch.concat(lines)
      if (!failing) onState?.('failing', error)
      failing = true
    } finally {
      writing = 0
    }
  }

  /** The write after the one under way: it takes all that is there when it begins. */
  function nextFlush(): Promise<void> {
    following ??= (running ?? Promise.resolve()).then(() => {
      running = following
      following = undefined
      return lines.length > 0 ? flush() : undefined
    })
    return following
  }

  // Without a buffer every event tries the sink, or nobody would notice that it works again.
  const isFull = () => failing && maxBuffered > 0 && lines.length + writing >= maxBuffered

  return {
    async append(event) {
      if (isFull()) {
        await nextFlush()
        if (isFull()) {
          throw new GatewayError('Overloaded', 'Cannot record the request: the audit log is full')
        }
      }
      lines.push(`${JSON.stringify(event)}\n`)
      await nextFlush()
      if (failing && maxBuffered === 0) {
        lines = []
        throw new GatewayError('Overloaded', 'Cannot record the request: the audit log is failing')
      }
    },
    async close() {
      await nextFlush()
    },
  }
}
