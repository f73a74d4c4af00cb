import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Audit } from '../../src/audit/port.ts'
import { openRedisAudit } from '../../src/audit/redis.ts'
import { type CircuitBreaker, createCircuitBreaker } from '../../src/circuit-breaker.ts'
import { monotonicClock } from '../../src/clock.ts'
import { ioredisConnector } from '../../src/runtime/ioredis-link.ts'
import { openPartitionServer } from '../../src/runtime/partition-server.ts'
import { redisAccess, redisSettings } from '../../src/runtime/redis-access.ts'
import { load } from '../config/config-fixture.ts'
import { auditContract, eventAt, pagesOf } from '../contract/audit.contract.ts'
import { openRedisServer, type RedisServer } from '../support/redis/redis-server.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'
import { TestClock } from '../support/test-clock.ts'
import { until } from '../support/until.ts'

const STREAM = 'a:{021}'

interface Changes {
  readonly maxBuffered?: number
  readonly maxEvents?: number
  readonly breaker?: CircuitBreaker
  readonly onState?: (state: 'failing' | 'working') => void
}

const ALONE = { durability: 'async' }

async function opened(url: string, options: Changes, promises: object = ALONE) {
  const { config } = await load({ state: url, 'audit.redis': {}, ledger: promises })
  const { state, ledger } = config
  if (state.kind !== 'redis') throw new Error('no Redis')
  const server = openPartitionServer(0, {
    settings: redisSettings(state, ledger),
    connect: ioredisConnector(redisAccess(state, ledger)),
    timeoutMs: 2_000,
  })
  const breaker = createCircuitBreaker({
    clock: monotonicClock,
    failuresToOpen: 1,
    trialEveryMs: 20,
  })
  return openRedisAudit({
    server,
    breaker,
    tag: '021',
    gateway: randomUUID(),
    maxEvents: 100_000,
    retryMs: 5,
    ...options,
  })
}

describeOnRedis('an audit log on a real Redis', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await openRedisServer()
  })
  afterAll(() => server.close())

  auditContract('Redis', async ({ maxBuffered }) => {
    await server.command('DEL', STREAM)
    const audit = await opened(server.url, { maxBuffered })
    const other = await opened(server.url, {})
    return {
      audit,
      other,
      async fail() {
        await server.command('CONFIG', 'SET', 'maxmemory', '1')
      },
      async heal() {
        await server.command('CONFIG', 'SET', 'maxmemory', '0')
      },
      async close() {
        await audit.close()
        await other.close()
      },
    }
  })

  async function within(maxEvents: number, use: (audit: Audit) => Promise<void>): Promise<void> {
    await server.command('DEL', STREAM)
    const audit = await opened(server.url, { maxEvents })
    try {
      await use(audit)
    } finally {
      await audit.close()
    }
  }

  it('keeps as many events as it was told to, and some hundred more at most', () =>
    within(1_000, async (audit) => {
      await Promise.all(
        Array.from({ length: 2_500 }, (_, parts) => audit.append(eventAt(0, { parts }))),
      )
      const length = Number(await server.command('XLEN', STREAM))
      expect(length).toBeGreaterThanOrEqual(1_000)
      expect(length).toBeLessThan(1_300)
      const pages = await pagesOf(audit, { limit: 300 })
      const parts = pages.flatMap((page) => page.map(({ parts: n }) => n))
      expect(parts).toEqual(Array.from({ length }, (_, index) => 2_499 - index))
    }))

  it('passes over an entry that holds no event', () =>
    within(1_000, async (audit) => {
      await audit.append(eventAt(0, {}))
      await server.command('XADD', STREAM, '*', 'event', '{"event":')
      await server.command('XADD', STREAM, '*', 'other', 'x')
      expect(await audit.query({ limit: 10 })).toEqual({ events: [eventAt(0, {})] })
    }))

  it('needs no more of an ACL user than the README gives it', async () => {
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
    const rules = /^user signet on >PASSWORD (.+)$/m.exec(readme)?.[1] ?? ''
    const more = /With `audit\.redis` add `([^`]+)`/.exec(readme)?.[1] ?? ''
    const own = await openRedisServer({ users: [`user signet on >secret ${rules} ${more}`] })
    const states: string[] = []
    const onState = (state: string) => void states.push(state)
    const audit = await opened(`redis://signet:secret@127.0.0.1:${own.port}`, { onState })
    await audit.append(eventAt(0, {}))
    expect(await audit.query({ limit: 10 })).toEqual({ events: [eventAt(0, {})] })
    expect(states).toEqual([])
    await audit.close()
    await own.close()
  })

  it('leaves a server alone for a moment that has failed', async () => {
    await server.command('DEL', STREAM)
    const clock = new TestClock()
    const breaker = createCircuitBreaker({ clock, failuresToOpen: 1 })
    const audit = await opened(server.url, { maxBuffered: 1, breaker })
    await server.command('CONFIG', 'SET', 'maxmemory', '1')
    await audit.append(eventAt(0, {}))
    await server.command('CONFIG', 'SET', 'maxmemory', '0')
    await expect(audit.append(eventAt(1, {}))).rejects.toMatchObject({ code: 'Overloaded' })
    clock.advance(1_000)
    await until('it is used again', () => audit.append(eventAt(2, {})).then(() => true))
    expect(await audit.query({ limit: 10 })).toEqual({ events: [eventAt(2, {}), eventAt(0, {})] })
    await audit.close()
  })

  it('waits for the replicas that the ledger waits for, and repeats nothing meanwhile', async () => {
    const master = await openRedisServer()
    const states: string[] = []
    const onState = (state: string) => void states.push(state)
    const strict = { durability: 'strict', replicas: 1 }
    const audit = await opened(master.url, { onState }, strict)
    for (const second of [0, 1, 2]) await audit.append(eventAt(second, {}))
    const tries = async () => {
      const stats = String(await master.command('INFO', 'commandstats'))
      return Number(/cmdstat_eval:calls=(\d+)/.exec(stats)?.[1] ?? 0)
    }
    const before = await tries()
    await until('it was tried again and again', async () => (await tries()) > before + 3)
    expect(await master.command('XLEN', STREAM)).toBe(1)
    expect(states).toEqual(['failing'])

    const replica = await openRedisServer({ replicaOf: { port: master.port } })
    await until('it works', async () => states.includes('working'))
    const all = async () => (await audit.query({ limit: 10 })).events.length === 3
    await until('all are there', all)
    expect(await master.command('XLEN', STREAM)).toBe(3)
    expect(Number(await master.command('PTTL', (await keysOf(master))[0] ?? ''))).toBeGreaterThan(0)
    await audit.close()
    await replica.close()
    await master.close()
  })

  it('503: tells no address while the server is away, buffers, and finds back', async () => {
    const own = await openRedisServer()
    const audit = await opened(own.url, { maxBuffered: 2 })
    await audit.append(eventAt(0, {}))
    await own.kill()
    await expect(audit.query({ limit: 1 })).rejects.toMatchObject({
      code: 'AuditUnavailable',
      message: 'Cannot query the audit log: no answer',
    })
    await audit.append(eventAt(1, {}))
    await audit.append(eventAt(2, {}))
    await expect(audit.append(eventAt(3, {}))).rejects.toMatchObject({ code: 'Overloaded' })
    await audit.close()
    await own.close()
  })
})

/** What gateways have noted beside the stream. */
async function keysOf(server: RedisServer): Promise<string[]> {
  return (await server.command('KEYS', `${STREAM}:*`)) as string[]
}
