import { expect, it } from 'vitest'
import { eventsIn } from '../support/log-lines.ts'
import { pause } from '../support/pause.ts'
import { countOf, expectSumsToAgree } from '../support/redis/ledger-contents.ts'
import {
  Answers,
  openLoad,
  openRedisSetUp,
  startOn,
  untilGranted,
} from '../support/redis/redis-gateway.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'

/** From the return of Redis to the first grant, with room for a busy machine. */
const BACK_MS = 3_000
const REQUESTS_PER_SECOND = 100
const OUTAGE_MS = 2_000
const LOAD_BEFORE_MS = 1_000

const UNLIMITED = {
  quotas: [
    { policy: 'user-objects-day', per: 'user', unit: 'objects', limit: 1_000_000, window: 'day' },
  ],
}

describeOnRedis('a Redis that is gone for a while', () => {
  it('R01 refused at boot: up, downloads open, uploads 503, and all is well soon after it comes', async () => {
    await using setUp = await openRedisSetUp()
    await setUp.proxy.setMode('refuse')
    const { gateway, upload, download } = await startOn(setUp)
    await using _ = gateway
    const answers = new Answers()
    for (const path of ['/healthz', '/readyz']) {
      expect((await fetch(`${gateway.url}${path}`)).status).toBe(200)
    }
    for (let n = 0; n < 5; n += 1) {
      expect(await answers.take(upload())).toBe(503)
      expect(await answers.take(download())).toBe(200)
    }
    await setUp.proxy.setMode('pass')
    await untilGranted(answers, upload, BACK_MS)
    expect(await answers.take(download())).toBe(200)
    expect(answers.wrong).toEqual([])
    const log = [gateway.stderr()]
    const [unusable, ...others] = eventsIn(log, 'ledger.unusable')
    expect(unusable?.why).toMatch(/ECONNREFUSED/)
    expect(others).toEqual([])
    expect(eventsIn(log, 'ledger.usable')).toHaveLength(1)
  })

  it('R02 killed under load: 2xx, 429, 503 alone, no grant is lost, back without a restart of ours', async () => {
    await using setUp = await openRedisSetUp({ gateway: { plan: UNLIMITED } })
    const { server } = setUp
    const { gateway, upload } = await startOn(setUp)
    await using _ = gateway
    const answers = new Answers()
    await using load = openLoad(REQUESTS_PER_SECOND, () => answers.take(upload()))
    await pause(LOAD_BEFORE_MS)
    const before = answers.count(201)
    await server.kill()
    await pause(OUTAGE_MS)
    const during = answers.count(503)
    await server.restart()
    await untilGranted(answers, upload, BACK_MS)
    const back = answers.count(201)
    await pause(LOAD_BEFORE_MS)
    const sent = await load.stop()
    expect(answers.wrong).toEqual([])
    expect(answers.count(201) + answers.count(503)).toBeGreaterThanOrEqual(sent)
    expect(before).toBeGreaterThan(0)
    expect(during).toBeGreaterThan(0)
    expect(answers.count(201)).toBeGreaterThan(back)
    const contents = await expectSumsToAgree(server.port)
    const lost = answers.granted.filter((rid) => contents.records.get(rid)?.state !== 'P')
    expect(lost).toEqual([])
    expect(new Set(answers.granted).size).toBe(answers.granted.length)
    // Executed and never told: those end by the sweeper; there are no more than were under way.
    expect(countOf(contents, 'P')).toBeLessThanOrEqual(answers.granted.length + 128)
  })
})
