import type { CircuitBreaker } from '../circuit-breaker.ts'
import type { StateServer } from '../state/redis.ts'
import { createEventBuffer, type EventBufferOptions } from './event-buffer.ts'
import type { Audit, AuditEvent, AuditQuery } from './port.ts'
import { auditUnavailable, noSuchPosition, readPage, type Stretch } from './read-back.ts'

export interface RedisAuditOptions extends Omit<EventBufferOptions, 'write' | 'gather'> {
  /** The server that has the stream; closed with the log. */
  readonly server: StateServer
  /** Keeps writes from waiting for a server that does not answer. */
  readonly breaker: CircuitBreaker
  /** Hash tag of the stream's key. */
  readonly tag: string
  /** Events that are kept, or some hundred more: Redis drops whole nodes of a stream. */
  readonly maxEvents: number
}

/** Records of one look, and looks of one query. */
const STRETCH_RECORDS = 1_000
const MAX_STRETCHES = 50
/** How far a gateway's clock may be ahead of Redis', in milliseconds, and nothing is overlooked. */
const SLACK_MS = 600_000

// One script, so that a batch is there as a whole or not at all. KEYS 1 stream; ARGV 1 how many stay.
const APPEND_LUA = `#!lua
for index = 2, #ARGV do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'event', ARGV[index])
end
return #ARGV - 1
`

/**
 * Audit on Redis 7 or newer: one capped stream that all gateways share, in the order in which Redis got the
 * events. Letters of its key are not the ledger's.
 */
export function openRedisAudit(options: RedisAuditOptions): Audit {
  const { server, breaker, tag, maxEvents } = options
  const stream = `a:{${tag}}`

  async function write(events: readonly AuditEvent[]): Promise<void> {
    if (!breaker.allow()) throw new Error('the server has not answered')
    const texts = events.map((event) => JSON.stringify(event))
    try {
      await server.run('EVAL', [APPEND_LUA, 1, stream, maxEvents, ...texts])
      breaker.succeeded()
    } catch (error) {
      breaker.failed()
      throw error
    }
  }

  async function stretch(from: string, to: string): Promise<Stretch> {
    const args = [stream, from, to, 'COUNT', STRETCH_RECORDS]
    const reply = await server.run('XREVRANGE', args).catch((error: unknown) => {
      throw auditUnavailable(error)
    })
    const entries = reply as readonly (readonly [string, readonly string[]])[]
    const records = entries.map(([id, [, text = '']]) => ({ position: id, text }))
    const last = records.at(-1)
    if (records.length < STRETCH_RECORDS || last === undefined) return { records }
    return { records, next: last.position }
  }

  const buffer = createEventBuffer({ ...options, write })
  return {
    append: buffer.append,
    async query(query) {
      // Recorded after it happened, by any delay: what is too old by its id is so by its `at`.
      const to = oldestId(query)
      const readBack = async (after: string | undefined) =>
        stretch(after === undefined ? '+' : `(${checkedId(after)}`, to)
      return readPage(query, { readBack, maxStretches: MAX_STRETCHES })
    },
    async close() {
      await buffer.close()
      await server.close()
    },
  }
}

function oldestId({ sinceMs }: Pick<AuditQuery, 'sinceMs'>): string {
  return sinceMs === undefined ? '-' : `${Math.max(0, Math.floor(sinceMs - SLACK_MS))}-0`
}

function checkedId(text: string): string {
  if (!/^\d{1,20}-\d{1,20}$/.test(text)) throw noSuchPosition()
  return text
}
