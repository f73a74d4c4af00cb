import { createEventBuffer, type EventBufferOptions } from './event-buffer.ts'
import type { AuditLines } from './lines-back.ts'
import type { Audit } from './port.ts'
import { auditUnavailable, notReadable, readPage } from './read-back.ts'

export interface JsonLinesOptions extends Omit<EventBufferOptions, 'write' | 'gather'> {
  /** Appends text to the sink; rejects when the sink is full or gone. One call at a time. */
  readonly write: (text: string) => Promise<void>
  /** What was written, where it can be read again; else where it goes, to end a sentence. */
  readonly lines?: AuditLines | string
}

/** Stretches of one query, at most: 16 MiB. */
const MAX_STRETCHES = 64

/** Audit as JSON lines, one event each. For the buffer see `createEventBuffer`. */
export function createJsonLinesAudit({
  write,
  lines = 'a place that cannot be read again',
  ...options
}: JsonLinesOptions): Audit {
  const buffer = createEventBuffer({
    ...options,
    write: (events) => write(events.map((event) => `${JSON.stringify(event)}\n`).join('')),
  })
  return {
    append: buffer.append,
    async query(query) {
      if (typeof lines === 'string') throw notReadable(lines)
      const files = await lines.files().catch((error: unknown) => {
        throw auditUnavailable(error)
      })
      const { readLinesBack } = await import('./lines-back.ts')
      const readBack = readLinesBack({ lines, files, query })
      return readPage(query, { readBack, maxStretches: MAX_STRETCHES })
    },
    close: buffer.close,
  }
}
