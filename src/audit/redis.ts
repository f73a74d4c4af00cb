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
  /** Unique to this log: letters, digits and `-`. */
  readonly gateway: string
  /** Events that are kept, or some hundred more: Redis drops whole nodes of a stream. */
  readonly maxEvents: number
}

/** Records of one look, and looks of one query. */
const STRETCH_RECORDS = 500
const MAX_STRETCHES = 100
/** How far a gateway's clock may be ahead of Redis', in milliseconds, and nothing is overlooked. */
const SLACK_MS = 600_000

/** How long a gateway's last batch is remembered, in milliseconds: far longer than it is tried again. */
const REMEMBERED_MS = 86_400_000

/**
 * One script, so that a batch is there as a whole, and once: an answer may have been lost, or replicas may
 * have been missing. KEYS 1 stream, 2 the gateway's last batch; ARGV 1 how many events stay, 2 the batch, 3
 * how long that is remembered, and from 4 on events. The batch is noted again when it is repeated, or the
 * WAIT behind it would wait for nothing.
 */
const APPEND_LUA = `#!lua
if redis.call('GET', KEYS[2]) ~= ARGV[2] then
  for index = 4, #ARGV do
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'event', ARGV[index])
  end
end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return 1
`

/**
 * Audit on Redis 7 or newer: one capped stream that all gateways share, in the order in which Redis got the
 * events. Letters of its key are not the ledger's.
 */
export function openRedisAudit(options: RedisAuditOptions): Audit {
  const { server, breaker, tag, gateway, maxEvents } = options
  const stream = streamKey(tag)
  const lastBatch = `${stream}:${gateway}`
  let batch = 0
  /** The events of the batch that was sent last. */
  let sent: readonly AuditEvent[] | undefined

  async function write(events: readonly AuditEvent[]): Promise<void> {
    if (!breaker.allow()) throw new Error('the server has not answered')
    if (events !== sent) batch += 1
    sent = events
    const texts = events.map((event) => JSON.stringify(event))
    const args = [stream, lastBatch, maxEvents, batch, REMEMBERED_MS, ...texts]
    try {
      await server.change('EVAL', [APPEND_LUA, 2, ...args])
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

function streamKey(tag: string): string {
  return `a:{${tag}}`
}

/** What the log sends or its script calls, where there is nothing; it leaves no trace. */
export function auditSelfTest(
  tag: string,
): readonly { readonly name: string; readonly args: readonly (string | number)[] }[] {
  const stream = `${streamKey(tag)}:self-test`
  return [
    { name: 'XADD', args: [stream, 'NOMKSTREAM', 'MAXLEN', '~', 1, '*', 'event', ''] },
    { name: 'XREVRANGE', args: [stream, '+', '-', 'COUNT', 1] },
    { name: 'EVAL', args: ['return 0', 1, stream] },
    { name: 'GET', args: [stream] },
    { name: 'SET', args: [stream, '', 'XX', 'PX', 1] },
  ]
}

function oldestId({ sinceMs }: Pick<AuditQuery, 'sinceMs'>): string {
  return sinceMs === undefined ? '-' : `${Math.max(0, Math.floor(sinceMs - SLACK_MS))}-0`
}

function checkedId(text: string): string {
  if (!/^\d{1,20}-\d{1,20}$/.test(text)) throw noSuchPosition()
  return text
}
