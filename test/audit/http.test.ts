import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type HttpAuditOptions, openHttpAudit } from '../../src/audit/http.ts'
import type { Audit } from '../../src/audit/port.ts'
import { createLogger } from '../../src/log.ts'
import { openAudit } from '../../src/runtime/audit-sink.ts'
import { Secret } from '../../src/secret.ts'
import { eventAt } from '../contract/audit.contract.ts'
import {
  type AuditCollector,
  COLLECTOR_KEY,
  type CollectorMode,
  startAuditCollector,
} from '../support/audit-collector.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { TestClock } from '../support/test-clock.ts'
import { openTestGateway, uploadBody } from '../support/test-gateway.ts'
import { until } from '../support/until.ts'

const TOKEN = 'token-of-the-collector'
const REFUSED = {
  code: 'Overloaded',
  message: 'Cannot record the request: the audit log is full',
}

describe('an audit log that is posted to a collector', () => {
  let collector: AuditCollector
  let audit: Audit
  let states: string[]
  let errors: string[]
  let lost: number
  beforeEach(async () => {
    collector = await startAuditCollector()
    states = []
    errors = []
    lost = 0
    audit = opened()
  })
  afterEach(async () => {
    collector.answer(204)
    await audit.close()
    await collector[Symbol.asyncDispose]()
  })

  function opened(changes: Partial<HttpAuditOptions> = {}): Audit {
    return openHttpAudit({
      send: fetch,
      url: collector.url,
      token: new Secret(TOKEN),
      timeoutMs: 5_000,
      gateway: 'gw-1',
      maxBuffered: 3,
      retryMs: 5,
      onState(state, error) {
        states.push(state)
        if (error instanceof Error) errors.push(`${error.message} ${String(error.cause ?? '')}`)
      },
      onLost(count) {
        lost = count
      },
      ...changes,
    })
  }

  const seconds = () => collector.events().map(({ parts }) => parts)
  const append = (parts: number) => audit.append(eventAt(parts, { parts }))

  it('has an event when it is recorded: a line of JSON, with the token', async () => {
    const event = eventAt(0, { user: 'line\nbreak \u2028 🙂' })
    await audit.append(event)
    const [post] = collector.posts
    expect([post?.method, post?.target]).toEqual(['POST', `/ingest?key=${COLLECTOR_KEY}`])
    expect(post?.headers).toMatchObject({
      'content-type': 'application/x-ndjson',
      authorization: `Bearer ${TOKEN}`,
      'idempotency-key': 'gw-1-1',
    })
    expect(post?.body).toBe(`${JSON.stringify(event)}\n`)
  })

  it('sends no token where there is none', async () => {
    const bare = opened({ token: undefined })
    await bare.append(eventAt(0, {}))
    expect(collector.posts[0]?.headers).not.toHaveProperty('authorization')
    await bare.close()
  })

  it('is posted once for all events of a moment, in their order, and with a new key each time', async () => {
    const indices = Array.from({ length: 1_500 }, (_, index) => index)
    await Promise.all(indices.map(append))
    expect(seconds()).toEqual(indices)
    expect(collector.posts.map(({ events }) => events.length)).toEqual([1_000, 500])
    const keys = collector.posts.map(({ headers }) => headers['idempotency-key'])
    expect(new Set(keys).size).toBe(2)
  })

  it.each([200, 202, 204])('is recorded with any answer of success: %i', async (status) => {
    collector.answer(status)
    await append(0)
    expect([seconds(), states]).toEqual([[0], []])
  })

  it.each([301, 307, 400, 401, 429, 500, 503])(
    'fails with %i: a bounded buffer, refusals, and then all in order and once',
    (status) => failsAndHeals(status, `Cannot post audit events: they were answered ${status}`),
  )

  it('fails when the answer is cut off, and repeats the events under the same key', () =>
    failsAndHeals('cut', 'Cannot post audit events: UND_ERR_SOCKET'))

  async function failsAndHeals(mode: CollectorMode, why: string): Promise<void> {
    await append(0)
    collector.answer(mode)
    for (const index of [1, 2, 3]) await append(index)
    await expect(append(4)).rejects.toMatchObject(REFUSED)
    expect([states, errors]).toEqual([['failing'], [`${why} `]])
    await until('it is tried again', async () => collector.posts.length > 3)
    const tried = collector.posts.slice(1).map(({ headers }) => headers['idempotency-key'])
    expect(new Set(tried)).toEqual(new Set(['gw-1-2']))
    collector.answer(204)
    await until('it works again', async () => states.length === 2)
    await append(5)
    expect([states, seconds()]).toEqual([
      ['failing', 'working'],
      [0, 1, 2, 3, 5],
    ])
  }

  it('fails when nobody listens, without an address in what is told, and heals', async () => {
    await append(0)
    await collector.goAway()
    for (const index of [1, 2, 3]) await append(index)
    await expect(append(4)).rejects.toMatchObject(REFUSED)
    expect(errors).toEqual(['Cannot post audit events: ECONNREFUSED '])
    await collector.comeBack()
    await until('all are there', async () => seconds().length === 4)
    expect([states, seconds()]).toEqual([
      ['failing', 'working'],
      [0, 1, 2, 3],
    ])
  })

  it('fails when the answer takes too long: those who wait go on, and nobody waits any more', async () => {
    audit = opened({ timeoutMs: 150 })
    collector.answer('silent')
    // Both are in the buffer when the first post has ended without an answer.
    await Promise.all([append(0), append(1)])
    expect(errors).toEqual(['Cannot post audit events: TimeoutError '])
    // The next post is under way, or about to be: this one does not wait for it.
    await append(2)
    await expect(append(3)).rejects.toMatchObject(REFUSED)
    collector.answer(204)
    await until('all are there', async () => seconds().length === 3)
    expect([states, seconds()]).toEqual([
      ['failing', 'working'],
      [0, 1, 2],
    ])
  })

  it('does not wait for all that an answer says, nor keep its connection', async () => {
    collector.answer('endless')
    await append(0)
    await append(1)
    expect([states, seconds()]).toEqual([[], [0, 1]])
    await until('the connections are gone', async () => (await collector.connections()) === 0)
  })

  it('tries for a last time at the end, and says how many events nobody has taken', async () => {
    collector.answer(500)
    await append(0)
    await append(1)
    await audit.close()
    expect([lost, seconds()]).toEqual([2, [0]])
  })

  it('R23: uploads are 503 when the buffer is full, downloads go on, and it heals', async () => {
    const gateway = await openTestGateway({ overrides: { audit } })
    const post = (name: number) =>
      gateway.call('POST', '/v1/uploads', uploadBody({ key: `acme/alice/${name}` }))
    expect((await post(0)).status).toBe(201)
    collector.answer(503)
    for (const name of [1, 2, 3]) expect((await post(name)).status).toBe(201)
    await expectRefused(await post(4), { status: 503, code: 'Overloaded' }, { gateway })
    const object = { bucket: 'media', key: 'acme/alice/0' }
    expect((await gateway.call('POST', '/v1/downloads', object)).status).toBe(200)
    collector.answer(204)
    await until('it is tried again', async () => (await post(5)).status === 201)
    const granted = collector.events().filter(({ event }) => event === 'upload.granted')
    expect(granted).toHaveLength(5)
    await gateway.close()
  })

  it('404: cannot be read again', async () => {
    await append(0)
    await expect(audit.query({ limit: 1 })).rejects.toMatchObject({ code: 'NoSuchRoute' })
  })

  it('is opened by its settings, and says once that it fails, without address, query or token', async () => {
    const lines: string[] = []
    const log = createLogger({ write: (line) => lines.push(line), clock: new TestClock() })
    const url = new Secret(collector.url)
    const setting = { kind: 'http', url, token: new Secret(TOKEN), timeoutMs: 1_000 } as const
    const other = await openAudit(setting, { log })
    await other.append(eventAt(0, {}))
    expect(collector.posts[0]?.headers.authorization).toBe(`Bearer ${TOKEN}`)
    collector.answer(500)
    for (const second of [1, 2]) await other.append(eventAt(second, {}))
    await other.close()
    const said = lines.join('')
    expect(lines.filter((line) => line.includes('audit.failing'))).toHaveLength(1)
    expect(said).toContain('audit.lost_at_end')
    for (const secret of [COLLECTOR_KEY, TOKEN, '127.0.0.1']) expect(said).not.toContain(secret)
  })
})
