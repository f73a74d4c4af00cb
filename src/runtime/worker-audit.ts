import type { Queue } from 'cloudflare:workers'
import { createEventBuffer, type EventBufferOptions } from '../audit/event-buffer.ts'
import { openHttpAudit } from '../audit/http.ts'
import { createJsonLinesAudit } from '../audit/json-lines.ts'
import type { Audit } from '../audit/port.ts'
import { notReadable } from '../audit/read-back.ts'
import { monotonicClock } from '../clock.ts'
import type { AuditSetting } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import { keptAlive } from './request-scope.ts'
import { openWorkerLog, writeLine } from './worker-log.ts'

/** Messages of one call. Source: https://developers.cloudflare.com/queues/platform/limits/ */
const MAX_MESSAGES = 100
/** A log that fails does so with every request: the isolate tells why once in so long, in milliseconds. */
const TELL_EVERY_MS = 60_000

let toldAtMs = -Infinity

/** Without a buffer, as nothing outlives the request. */
const UNBUFFERED: Pick<EventBufferOptions, 'maxBuffered' | 'onState'> = {
  maxBuffered: 0,
  onState(state, error) {
    const nowMs = monotonicClock.nowMs()
    if (state === 'working' || nowMs - toldAtMs < TELL_EVERY_MS) return
    toldAtMs = nowMs
    openWorkerLog(() => 'error').error('audit.failing', { error })
  },
}

/**
 * The configured audit log of one request. It has no buffer: nothing outlives the request, so an event that
 * cannot be recorded now is refused, and with it what it tells of; the worker's log says why, now and then.
 * Throws `InternalError` for a place that is not to be had in a worker.
 */
export function openWorkerAudit(
  setting: AuditSetting,
  bindings: Readonly<Record<string, unknown>>,
): Audit {
  switch (setting.kind) {
    case 'none':
      return createJsonLinesAudit({ write: async () => {}, lines: 'nowhere', ...UNBUFFERED })
    case 'stdout':
      return createJsonLinesAudit({
        write: async (text) => writeLine(text),
        lines: 'standard output',
        ...UNBUFFERED,
      })
    case 'queue':
      return openOnQueue(queueOf(bindings, setting.binding))
    case 'http': {
      const { url, token, timeoutMs } = setting
      const send: typeof fetch = (to, init) => keptAlive(fetch(to, init))
      const gateway = crypto.randomUUID()
      return openHttpAudit({
        url: url.reveal(),
        token,
        timeoutMs,
        gateway,
        send,
        ...UNBUFFERED,
      })
    }
    default:
      throw new GatewayError(
        'InternalError',
        `Cannot open the audit log: a worker has no "${setting.kind}"`,
      )
  }
}

function openOnQueue(queue: Queue): Audit {
  const buffer = createEventBuffer({
    ...UNBUFFERED,
    async write(events) {
      for (let first = 0; first < events.length; first += MAX_MESSAGES) {
        const some = events.slice(first, first + MAX_MESSAGES)
        await queue.sendBatch(some.map((body) => ({ body, contentType: 'json' as const })))
      }
    },
  })
  return {
    append: buffer.append,
    async query() {
      throw notReadable('a queue')
    },
    close: buffer.close,
  }
}

function queueOf(bindings: Readonly<Record<string, unknown>>, name: string): Queue {
  const queue = bindings[name] as Queue | undefined
  if (typeof queue?.sendBatch === 'function') return queue
  throw new GatewayError(
    'InternalError',
    `Cannot open the audit log: no queue is bound to "${name}"`,
  )
}
