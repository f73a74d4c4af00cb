import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { eventsIn } from '../support/log-lines.ts'
import { pause } from '../support/pause.ts'
import { initialiseByHand } from '../support/redis/initialise.ts'
import { expectSumsToAgree } from '../support/redis/ledger-contents.ts'
import {
  Answers,
  callsOf,
  openLoad,
  openRedisSetUp,
  type RedisSetUp,
  startOn,
  untilGranted,
} from '../support/redis/redis-gateway.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'

/** From the command that heals it to the first grant, with room for a busy machine. */
const BACK_MS = 3_000
const LIMIT = 5
const PLAN = {
  quotas: [
    { policy: 'user-objects-day', per: 'user', unit: 'objects', limit: LIMIT, window: 'day' },
  ],
}

describeOnRedis('a Redis that has lost something', () => {
  it.each([
    ['everything is deleted', ({ server }: RedisSetUp) => server.command('FLUSHALL')],
    [
      'it comes back without its data',
      async ({ server }: RedisSetUp) => {
        await server.kill()
        await rm(join(server.directory, 'appendonlydir'), { recursive: true })
        await server.restart()
      },
    ],
  ] as const)(
    'R07 %s: never a fresh quota, one line says what to run, and that heals it',
    async (_, lose) => {
      await using setUp = await openRedisSetUp({ gateway: { plan: PLAN } })
      const { gateway, upload, download } = await startOn(setUp)
      await using _gateway = gateway
      const answers = new Answers()
      for (let n = 0; n < LIMIT; n += 1) expect(await answers.take(upload())).toBe(201)
      await lose(setUp)
      const startMs = performance.now()
      // Several looks at the canaries.
      while (performance.now() - startMs < 2_000) {
        expect(await answers.take(upload())).toBe(503)
        expect(await answers.take(download())).toBe(200)
        await pause(20)
      }
      const fenced = eventsIn([gateway.stderr()], 'ledger.fenced')
      expect(fenced).toMatchObject([{ why: expect.stringContaining('init --accept-loss') }])
      await initialiseByHand(setUp.prepared, '--accept-loss')
      await untilGranted(answers, upload, BACK_MS)
      expect(answers.wrong).toEqual([])
      expect(eventsIn([gateway.stderr()], 'ledger.fenced')).toHaveLength(1)
      expect(eventsIn([gateway.stderr()], 'ledger.open')).toHaveLength(1)
    },
  )

  it('R07 everything is deleted: 503 for what was there, from the first request on, never 404', async () => {
    await using setUp = await openRedisSetUp()
    const { call } = await setUp.open()
    const answered = await callsOf({ call }).upload()
    const { id } = (await answered.json()) as { id: string }
    await setUp.server.command('FLUSHALL')
    const asked = [
      ['GET', `/v1/uploads/${id}`],
      ['POST', `/v1/uploads/${id}/complete`],
      ['GET', '/v1/uploads?status=pending'],
      ['GET', '/v1/uploads?status=completed'],
    ] as const
    // Before anybody has looked at the canaries, and after.
    for (const round of [1, 2]) {
      for (const [method, path] of asked) {
        const answer = await call(method, path)
        expect([round, path, answer.status]).toEqual([round, path, 503])
      }
    }
  })

  it('R07 another database than the ledger’s: 503 from the start, and nothing is written there', async () => {
    await using setUp = await openRedisSetUp({ database: 1, initialise: false })
    const { gateway, upload, download } = await startOn(setUp)
    await using _ = gateway
    const answers = new Answers()
    expect(await answers.take(upload())).toBe(503)
    expect(await answers.take(download())).toBe(200)
    const fenced = eventsIn([gateway.stderr()], 'ledger.fenced')
    expect(fenced).toMatchObject([{ why: expect.stringContaining('signet ledger init') }])
    expect(await setUp.server.info('keyspace')).toEqual({})
    expect(answers.wrong).toEqual([])
  })

  it('R06 scripts gone, again and again under load: no client notices', async () => {
    await using setUp = await openRedisSetUp({ ledger: { commandTimeoutMs: 2_000 } })
    const { server } = setUp
    const { gateway, upload } = await startOn(setUp)
    await using _ = gateway
    const answers = new Answers()
    await using load = openLoad(100, () => answers.take(upload()))
    for (let n = 0; n < 10; n += 1) {
      await server.command('SCRIPT', 'FLUSH', 'SYNC')
      await pause(100)
    }
    const sent = await load.stop()
    expect(answers.statuses).toEqual(new Map([[201, sent]]))
    const contents = await expectSumsToAgree(server.port)
    expect(new Set(contents.records.keys())).toEqual(new Set(answers.granted))
  })
})
