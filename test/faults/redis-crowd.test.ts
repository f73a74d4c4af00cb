import { expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { LedgerTime } from '../../src/gateway/ledger-time.ts'
import { withDenyCache } from '../../src/ledger/deny-cache.ts'
import { packNumbers } from '../../src/ledger/redis/codec.ts'
import { openRedisLedger } from '../../src/ledger/redis/redis.ts'
import { type ScriptName, scriptTexts } from '../../src/ledger/redis/scripts/load-scripts.ts'
import { createLogger } from '../../src/log.ts'
import { ioredisConnector } from '../../src/runtime/ioredis-link.ts'
import { openLink, settingsFor } from '../ledger/redis-fixture.ts'
import { pause } from '../support/pause.ts'
import { countOf, expectSumsToAgree } from '../support/redis/ledger-contents.ts'
import { Answers, callsOf, openLoad, openRedisSetUp } from '../support/redis/redis-gateway.ts'
import type { RedisServer } from '../support/redis/redis-server.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'
import { openTestGateway, uploadBody } from '../support/test-gateway.ts'

const HOUR_MS = 3_600_000
const QUOTA = { policy: 'user-objects-hour', per: 'user', unit: 'objects', window: 'hour' } as const

function ledgerOn(server: RedisServer, scripts: Readonly<Record<ScriptName, string>>) {
  const access = { database: 0, tls: undefined, commandTimeoutMs: 2_000, connectTimeoutMs: 1_000 }
  return openRedisLedger({
    settings: settingsFor(server, { durability: 'disk' }),
    connect: ioredisConnector(access),
    clock: systemClock,
    schedule: (run) => void setImmediate(run),
    log: createLogger({ write: () => {}, clock: systemClock }),
    scripts,
  })
}

async function scriptRuns(server: RedisServer): Promise<number> {
  const { cmdstat_evalsha: line = '' } = await server.info('commandstats')
  return Number(/calls=(\d+)/.exec(line)?.[1] ?? 0)
}

/** What was given up here may still be on its way there. */
async function untilNothingRuns(server: RedisServer): Promise<void> {
  for (let before = -1; ; ) {
    const runs = await scriptRuns(server)
    if (runs === before) return
    before = runs
    await pause(400)
  }
}

describeOnRedis('many on one Redis', () => {
  it('R11 far away and lossy: answers in time, few connections, and a queue that gives up', async () => {
    await using setUp = await openRedisSetUp({ ledger: { commandTimeoutMs: 300 } })
    const { server, proxy } = setUp
    const { upload } = callsOf(await setUp.open())
    await proxy.setMode({ kind: 'latency', ms: 100, lossRate: 0.01 })
    proxy.resetCounts()
    const paced = new Answers()
    await using load = openLoad(60, () => paced.take(upload()))
    await pause(3_000)
    await load.stop()
    // More at once than the line carries in the time that one may wait.
    const crowd = new Answers()
    await Promise.all(Array.from({ length: 1_500 }, () => crowd.take(upload())))
    expect([...paced.wrong, ...crowd.wrong]).toEqual([])
    expect(paced.count(201)).toBeGreaterThan(0)
    expect(crowd.count(503)).toBeGreaterThan(0)
    // Two turns of waiting and one of its own, with room for a machine that is busy.
    expect(Math.max(paced.longestMs, crowd.longestMs)).toBeLessThan(3 * 300 + 1_500)
    expect(proxy.connectionsOpened).toBeLessThan(20)
    await proxy.setMode('pass')
    await untilNothingRuns(server)
    const granted = [...paced.granted, ...crowd.granted]
    const contents = await expectSumsToAgree(server.port)
    expect(granted.filter((rid) => contents.records.get(rid)?.state !== 'P')).toEqual([])
  })

  it('R15 one tenant floods: refused from memory, Redis hears little of it, the other has its all', async () => {
    await using setUp = await openRedisSetUp()
    const { server } = setUp
    const rate = { policy: 'tenant', per: 'tenant', requests: 60, windowSeconds: 3_600, burst: 60 }
    const ledgerTime = new LedgerTime(systemClock)
    const ledger = withDenyCache(await ledgerOn(server, scriptTexts()), {
      clock: systemClock,
      ledgerTime,
      onHit: () => {},
    })
    const gateway = await openTestGateway({
      plan: { rates: [rate] },
      overrides: { ledger, ledgerTime, clock: systemClock },
    })
    try {
      const send = (who: string, n: number) => {
        const key = `${who}/file-${n}`
        return gateway.call('POST', '/v1/uploads', uploadBody({ key }), { who })
      }
      const before = await scriptRuns(server)
      const [flood, calm] = [new Answers(), new Answers()]
      for (let wave = 0; wave < 50; wave += 1) {
        const wanted = Array.from({ length: 40 }, (_, n) =>
          flood.take(send('acme/alice', 40 * wave + n)),
        )
        await Promise.all([...wanted, calm.take(send('globex/carol', wave))])
      }
      expect(calm.statuses).toEqual(new Map([[201, 50]]))
      expect([flood.count(201), flood.count(429)]).toEqual([60, 1_940])
      expect([...flood.wrong, ...calm.wrong]).toEqual([])
      // 110 grants, and the refusals of the waves that were under way when the first one was refused.
      expect((await scriptRuns(server)) - before).toBeLessThanOrEqual(110 + 80)
    } finally {
      await gateway.close()
    }
  })

  it('R36 two versions of the scripts at once: one count; what neither knows is refused, untouched', async () => {
    const limit = 40
    await using setUp = await openRedisSetUp({
      gateway: { plan: { quotas: [{ ...QUOTA, limit }] } },
    })
    const { server } = setUp
    const texts = Object.entries(scriptTexts())
    const other = Object.fromEntries(texts.map(([name, text]) => [name, `${text}-- older\n`]))
    const gateways = [
      await setUp.open({ ledger: await ledgerOn(server, scriptTexts()) }),
      await setUp.open({ ledger: await ledgerOn(server, other as Record<ScriptName, string>) }),
    ] as const
    await untilEarlyInTheHour()
    const answers = new Answers()
    const calls = [callsOf(gateways[0]), callsOf(gateways[1])] as const
    await Promise.all(
      Array.from({ length: 60 }, (_, n) =>
        answers.take((calls[n % 2] ?? calls[0]).upload(`k${n}`)),
      ),
    )
    expect([answers.count(201), answers.count(429)]).toEqual([limit, 20])
    // Each ends what the other began.
    for (const [n, id] of answers.granted.slice(0, 10).entries()) {
      const { call } = gateways[(n + 1) % 2] ?? gateways[0]
      expect((await call('DELETE', `/v1/uploads/${id}`)).status).toBe(204)
    }
    expect(countOf(await expectSumsToAgree(server.port), 'P')).toBeGreaterThan(0)
    const [key = ''] = (await server.command('KEYS', 'q:*')) as string[]
    const link = await openLink(server.port)
    try {
      const newer = packNumbers([2, 0, 7])
      await link.send([{ name: 'SET', args: [key, newer] }])
      for (const { upload } of calls) expect(await answers.take(upload('newer'))).toBe(503)
      const [found] = await link.send([{ name: 'GET', args: [key], binary: true }])
      expect(found).toMatchObject({ kind: 'reply', reply: Buffer.from(newer) })
    } finally {
      await link.close()
    }
    expect(answers.wrong).toEqual([])
  })

  it('Q08 gateways an hour behind and ahead, and one that jumps: Redis’ clock decides alone', async () => {
    const limit = 9
    await using setUp = await openRedisSetUp({
      gateway: { plan: { quotas: [{ ...QUOTA, limit }] } },
    })
    await untilEarlyInTheHour()
    let jumpMs = 0
    const clocks = [
      { nowMs: () => Date.now() - HOUR_MS },
      { nowMs: () => Date.now() + HOUR_MS },
      { nowMs: () => Date.now() + jumpMs },
    ]
    const answers = new Answers()
    for (const clock of clocks) {
      const { upload } = callsOf(await setUp.open({ clock }))
      for (const jump of [0, HOUR_MS, -HOUR_MS]) {
        jumpMs = jump
        const response = await upload()
        const { request } = (await response.clone().json()) as { request: { url: string } }
        expect(await answers.take(Promise.resolve(response))).toBe(201)
        const signed = new URL(request.url).searchParams
        const [, y, mo, d, h, mi, s] =
          /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(signed.get('X-Amz-Date') ?? '') ?? []
        const dateMs = Date.parse(`${y}-${mo}-${d}T${h}:${mi}:${s}Z`)
        expect(Math.abs(dateMs - Date.now())).toBeLessThan(60_000)
        expect(Number(signed.get('X-Amz-Expires'))).toBeGreaterThan(0)
      }
    }
    for (const clock of clocks) {
      expect(await answers.take(callsOf(await setUp.open({ clock })).upload('more'))).toBe(429)
    }
    expect(answers.granted).toHaveLength(limit)
    expect(answers.wrong).toEqual([])
    await expectSumsToAgree(setUp.server.port)
  })
})

/** So that no hour ends in the middle of a test. */
async function untilEarlyInTheHour(): Promise<void> {
  const leftMs = HOUR_MS - (Date.now() % HOUR_MS)
  if (leftMs < 20_000) await pause(leftMs)
}
