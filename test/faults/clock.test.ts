import { expect, it } from 'vitest'
import { sweep } from '../../src/gateway/sweep.ts'
import type { AppContext } from '../../src/http/app-context.ts'
import { openMemoryLedger } from '../../src/ledger/memory.ts'
import { createStoreClient } from '../../src/stores/s3-client.ts'
import { storeSettings, UNTIL_RELEASED_MS } from '../gateway/gateway-on-store.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { eventsIn } from '../support/log-lines.ts'
import { openRedisSetUp } from '../support/redis/redis-gateway.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'
import {
  cephStore,
  createTestBucket,
  describeOnCeph,
  embeddedStore,
} from '../support/stores/stores-under-test.ts'
import { TestClock } from '../support/test-clock.ts'
import { openTestGateway, uploadBody } from '../support/test-gateway.ts'
import { until } from '../support/until.ts'

const TWENTY_MINUTES_MS = 20 * 60_000
const UNAVAILABLE = { status: 503, code: 'StoreUnavailable' } as const
const PLAN = {
  rates: [{ policy: 'user-requests', per: 'user', requests: 6, windowSeconds: 86_400, burst: 6 }],
  quotas: [{ policy: 'user-bytes-day', per: 'user', unit: 'bytes', limit: 2 ** 30, window: 'day' }],
}

/** The gateway's own calls go by its own clock, as they do in a process. */
function useOwnClock(context: AppContext): void {
  const { clock, storeHealth } = context
  Object.assign(context, { storeClient: createStoreClient({ fetch, clock, health: storeHealth }) })
}

describeOnRedis('a machine whose clock is set, with a ledger and a store that go on', () => {
  it.each([
    ['ahead', TWENTY_MINUTES_MS],
    ['behind', -TWENTY_MINUTES_MS],
  ])(
    'R22 twenty minutes %s: an alarm, no grant, nothing charged, and all is well when it is right',
    async (_, shiftMs) => {
      const store = cephStore() ?? embeddedStore()
      const bucket = await createTestBucket(store)
      await using setUp = await openRedisSetUp({
        gateway: {
          store: storeSettings(store),
          bucket: { placements: [{ store: 'main', bucket }] },
          plan: PLAN,
          allow: { 'acme/alice': [{ operations: ['upload', 'download', 'list'] }] },
        },
      })
      // The machine's, which goes on meanwhile, and how it was set.
      const set = { byMs: 0 }
      const clock = { nowMs: () => Date.now() + set.byMs }
      const { context, log, call } = await setUp.open({ clock })
      useOwnClock(context)
      const upload = (key: string) =>
        call('POST', '/v1/uploads', uploadBody({ key: `acme/alice/${key}` }))
      const look = () => call('HEAD', '/v1/objects/media/acme/alice/0')
      const levels = async () => JSON.parse(await (await call('GET', '/v1/usage')).text()).limits
      const alarms = () => eventsIn(log, 'store.clock_off')
      expect([(await upload('1')).status, (await look()).status]).toEqual([201, 404])

      set.byMs = shiftMs
      // Two answers tell a clock that was set from an odd answer.
      await look()
      await look()
      expect(alarms()).toMatchObject([{ level: 'error', store: 'main' }])
      const { clockOffsetSeconds = 0 } = context.storeHealth.of('main')
      expect(Math.abs(clockOffsetSeconds + shiftMs / 1000)).toBeLessThan(30)
      const before = await levels()
      for (let n = 0; n < 4; n += 1) {
        await expectRefused(await upload('2'), UNAVAILABLE)
        const download = await call('POST', '/v1/downloads', {
          bucket: 'media',
          key: 'acme/alice/0',
        })
        await expectRefused(download, UNAVAILABLE)
      }
      expect(await levels()).toEqual(before)
      expect(alarms()).toHaveLength(1)
      // The windows are the ledger's: what was used is used, and no more than the rest is left.
      expect((await look()).status).toBe(store.kind === 'ceph' ? 503 : 404)
      expect((await look()).status).toBe(store.kind === 'ceph' ? 503 : 404)
      expect((await look()).status).toBe(429)
      expect(await sweep(context)).toEqual({ claimed: 0, ended: 0, failed: 0 })

      set.byMs = 0
      await until('a grant would be given', async () => {
        await sweep(context)
        return (await call('POST', '/v1/uploads?dryRun=true', uploadBody())).status === 200
      })
      expect((await upload('3')).status).toBe(429)
      expect(eventsIn(log, 'store.clock_right')).toHaveLength(1)
    },
  )
})

describeOnCeph('a store that does not take the dates of our calls', (ceph) => {
  it('R22 503 with the offset for the log, and the sweeper releases nothing', async () => {
    const bucket = await createTestBucket(ceph)
    const clock = new TestClock(Date.now())
    const gateway = await openTestGateway({
      clock,
      store: storeSettings(ceph),
      bucket: { placements: [{ store: 'main', bucket }] },
      overrides: { ledger: openMemoryLedger({ clock }) },
    })
    useOwnClock(gateway.context)
    const created = await gateway.call('POST', '/v1/uploads', uploadBody())
    const { id } = (await created.json()) as { id: string }
    clock.advance(Math.max(UNTIL_RELEASED_MS, TWENTY_MINUTES_MS))
    expect(await sweep(gateway.context)).toEqual({ claimed: 1, ended: 0, failed: 1 })
    const complete = await gateway.call('POST', `/v1/uploads/${id}/complete`, {})
    await expectRefused(complete, UNAVAILABLE)
    expect(eventsIn(gateway.log, 'request.failed')).toMatchObject([
      { error: { facts: { status: 403, clockOffsetSeconds: expect.closeTo(-1_200, -2) } } },
    ])
    const upload = await gateway.call('GET', `/v1/uploads/${id}`)
    expect(await upload.json()).toMatchObject({ status: 'pending' })
    await gateway.close()
  })
})
