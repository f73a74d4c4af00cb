import type { Secret } from '../secret.ts'
import { reasonOf, type SendRequest } from '../stores/signed-call.ts'
import { createEventBuffer, type EventBufferOptions } from './event-buffer.ts'
import type { Audit } from './port.ts'
import { notReadable } from './read-back.ts'

export interface HttpAuditOptions extends Omit<EventBufferOptions, 'write' | 'gather'> {
  readonly send: SendRequest
  /** Where events are posted to, `http:` or `https:`. Never shown: its query may be what lets them in. */
  readonly url: string
  /** Goes as bearer token. Default: none. */
  readonly token?: Secret | undefined
  /** For one post and its answer, in milliseconds. */
  readonly timeoutMs: number
  /** Unique to this log: letters, digits and `-`. */
  readonly gateway: string
}

/**
 * Audit posted as JSON lines, all events of a moment at once: `application/x-ndjson`. Any 2xx means that
 * they are recorded; redirects are not followed. The same events have the same `idempotency-key` however
 * often they are posted. For the buffer see `createEventBuffer`; nothing can be read again.
 */
export function openHttpAudit(options: HttpAuditOptions): Audit {
  const { send, url, token, timeoutMs, gateway } = options
  let batch = 0
  /** The events of the batch that was posted last. */
  let posted: readonly unknown[] | undefined

  const buffer = createEventBuffer({
    ...options,
    async write(events) {
      if (events !== posted) batch += 1
      posted = events
      const body = events.map((event) => `${JSON.stringify(event)}\n`).join('')
      const headers = {
        'content-type': 'application/x-ndjson',
        'idempotency-key': `${gateway}-${batch}`,
        ...(token !== undefined && { authorization: `Bearer ${token.reveal()}` }),
      }
      const signal = AbortSignal.timeout(timeoutMs)
      const init = { method: 'POST', headers, body, redirect: 'manual', signal } as const
      // Never the error itself: runtimes put the URL in it.
      const { status, body: answer } = await send(url, init).catch((cause: unknown) => {
        throw new Error(`Cannot post audit events: ${reasonOf(cause)}`)
      })
      // Nobody waits for what it says, and it may say it for ever.
      await answer?.cancel().catch(() => {})
      if (status < 200 || status > 299) {
        throw new Error(`Cannot post audit events: they were answered ${status}`)
      }
    },
  })
  return {
    append: buffer.append,
    async query() {
      throw notReadable('a collector')
    },
    close: buffer.close,
  }
}
