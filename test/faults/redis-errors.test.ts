import { rm } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { expectRefused } from '../support/expect-refused.ts'
import { eventsIn } from '../support/log-lines.ts'
import { countOf, expectSumsToAgree } from '../support/redis/ledger-contents.ts'
import {
  Answers,
  callsOf,
  openRedisSetUp,
  type RedisSetUp,
  untilGranted,
} from '../support/redis/redis-gateway.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'
import { until } from '../support/until.ts'

const PATIENT = { commandTimeoutMs: 2_000 }
const AWAY = { status: 503, code: 'LedgerUnavailable' } as const
/** More than a loading server reads before it looks up again. */
const MANY_KEYS = 20_000

/** Ten uploads and ten downloads while something is wrong, all answered as they must be. */
async function expectAway(setUp: RedisSetUp, break_: () => Promise<unknown>) {
  const gateway = await setUp.open()
  const { upload, download } = callsOf(gateway)
  const answers = new Answers()
  expect(await answers.take(upload())).toBe(201)
  await break_()
  for (let n = 0; n < 10; n += 1) {
    expect(await answers.take(upload())).toBe(503)
    expect(await answers.take(download())).toBe(200)
  }
  await expectRefused(await upload(), AWAY)
  return { gateway, upload, answers }
}

async function expectWell(
  { server }: RedisSetUp,
  { upload, answers }: { upload: () => Promise<Response>; answers: Answers },
) {
  await untilGranted(answers, upload)
  expect(answers.wrong).toEqual([])
  const contents = await expectSumsToAgree(server.port)
  for (const rid of answers.granted) expect(contents.records.get(rid)?.state).toBe('P')
  expect(countOf(contents, 'P')).toBe(answers.granted.length)
}

describeOnRedis('errors of Redis', () => {
  it('R09 out of memory: uploads 503, what ends an upload goes on, and it heals', async () => {
    await using setUp = await openRedisSetUp({ ledger: PATIENT })
    const { server } = setUp
    const away = await expectAway(setUp, () => server.command('CONFIG', 'SET', 'maxmemory', '1'))
    const [id] = away.answers.granted
    expect((await away.gateway.call('DELETE', `/v1/uploads/${id}`)).status).toBe(204)
    expect((await away.gateway.call('GET', `/v1/uploads/${id}`)).status).toBe(200)
    await server.command('CONFIG', 'SET', 'maxmemory', '0')
    await expectWell(setUp, away)
  })

  it('R09 out of memory from the start: a gateway opens, ends what it can, and heals', async () => {
    await using setUp = await openRedisSetUp({ ledger: PATIENT })
    const { server } = setUp
    const first = await setUp.open()
    const answers = new Answers()
    await answers.take(callsOf(first).upload())
    await server.command('CONFIG', 'SET', 'maxmemory', '1')
    const second = await setUp.open()
    const { upload } = callsOf(second)
    expect(await answers.take(upload())).toBe(503)
    expect((await second.call('DELETE', `/v1/uploads/${answers.granted[0]}`)).status).toBe(204)
    await server.command('CONFIG', 'SET', 'maxmemory', '0')
    await expectWell(setUp, { upload, answers })
  })

  it('R09 snapshots fail and writes are refused: uploads 503, and it heals', async () => {
    await using setUp = await openRedisSetUp({ ledger: PATIENT, redis: { save: '3600 1' } })
    const { server } = setUp
    const away = await expectAway(setUp, async () => {
      await rm(server.directory, { recursive: true })
      await server.command('BGSAVE')
      await until('the snapshot has failed', async () => {
        const { rdb_last_bgsave_status: status } = await server.info('persistence')
        return status === 'err'
      })
    })
    await server.command('CONFIG', 'SET', 'stop-writes-on-bgsave-error', 'no')
    await expectWell(setUp, away)
  })

  it('R09 loading: uploads 503, downloads go on, and all is there when it is done', async () => {
    await using setUp = await openRedisSetUp({ ledger: PATIENT })
    const { server } = setUp
    await server.command('DEBUG', 'POPULATE', String(MANY_KEYS), 'filler')
    await server.command('BGREWRITEAOF')
    await until('the file is rewritten', async () => {
      const { aof_rewrite_in_progress: running } = await server.info('persistence')
      return running === '0'
    })
    const slow = ['--key-load-delay', '150', '--loading-process-events-interval-bytes', '1024']
    const away = await expectAway(setUp, () =>
      server.restart({ arguments: slow, until: 'answering' }),
    )
    await until('the filler is gone', async () => {
      const keys = (await server.command('KEYS', 'filler*')) as string[]
      if (keys.length > 0) await server.command('DEL', ...keys)
      return true
    })
    await expectWell(setUp, away)
  })

  it('R09 busy with somebody else’s script: uploads 503, and it heals when that is killed', async () => {
    await using setUp = await openRedisSetUp({ ledger: { commandTimeoutMs: 250 } })
    const { server } = setUp
    const running: Promise<unknown>[] = []
    const away = await expectAway(setUp, async () => {
      running.push(server.command('EVAL', 'while true do end', '0').catch(() => 'killed'))
      await until('it is busy', async () => {
        const answer = await server.command('PING').catch((error: Error) => error.message)
        return String(answer).startsWith('BUSY')
      })
    })
    await server.command('SCRIPT', 'KILL')
    await Promise.all(running)
    await untilGranted(away.answers, away.upload)
    expect(away.answers.wrong).toEqual([])
    const contents = await expectSumsToAgree(server.port)
    for (const rid of away.answers.granted) expect(contents.records.get(rid)?.state).toBe('P')
  })

  it('Q05 a policy that evicts, set while we run: it is seen, told, and nothing more is granted', async () => {
    await using setUp = await openRedisSetUp({ ledger: PATIENT })
    const { server } = setUp
    const gateway = await setUp.open()
    const { upload } = callsOf(gateway)
    const answers = new Answers()
    await server.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
    await until('uploads are refused', async () => (await answers.take(upload())) === 503)
    expect(eventsIn(gateway.log, 'ledger.unusable')).toMatchObject([
      { why: expect.stringMatching(/"maxmemory-policy" must be noeviction/) },
    ])
    await server.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
    await expectWell(setUp, { upload, answers })
  })

  it('Q05 a flood of new ids fills the memory: no counter goes, uploads 503, endings go on', async () => {
    await using setUp = await openRedisSetUp({ ledger: PATIENT })
    const { server } = setUp
    const gateway = await setUp.open()
    const { upload } = callsOf(gateway)
    const answers = new Answers()
    await answers.take(upload())
    const { used_memory: used } = await server.info('memory')
    await server.command('CONFIG', 'SET', 'maxmemory', String(Number(used) + 400_000))
    for (let round = 0; round < 100 && answers.count(503) === 0; round += 1) {
      await Promise.all(Array.from({ length: 50 }, () => answers.take(upload())))
    }
    expect(answers.count(503)).toBeGreaterThan(0)
    const contents = await expectSumsToAgree(server.port)
    expect(countOf(contents, 'P')).toBe(answers.granted.length)
    const { evicted_keys: evicted } = await server.info('stats')
    expect(evicted).toBe('0')
    for (const id of answers.granted.slice(0, 20)) {
      expect((await gateway.call('DELETE', `/v1/uploads/${id}`)).status).toBe(204)
    }
    expect(answers.wrong).toEqual([])
    await expectSumsToAgree(server.port)
  })
})
