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
  let flushing: Promise<void> | undefined
  let failing = false

  async function flush(): Promise<void> {
    const batch = lines
    lines = []
    try {
      await write(batch.join(''))
      if (failing) onState?.('working')
      failing = false
    } catch (error) {
      lines = batch.concat(lines)
      if (!failing) onState?.('failing', error)
      failing = true
    }
  }

  /** Waits for the write under way and starts the next one, at most one at a time. */
  function nextFlush(): Promise<void> {
    const before = flushing ?? Promise.resolve()
    const next = before.then(() => (lines.length > 0 ? flush() : undefined))
    flushing = next
    return next
  }

  return {
    async append(event) {
      if (failing && lines.length >= maxBuffered) {
        await nextFlush()
        if (failing) {
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
