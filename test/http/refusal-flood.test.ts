import { afterEach, expect, it } from 'vitest'
import { LedgerTime } from '../../src/gateway/ledger-time.ts'
import { withDenyCache } from '../../src/ledger/deny-cache.ts'
import { openMemoryLedger } from '../../src/ledger/memory.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { TestClock } from '../support/test-clock.ts'
import { openTestGateway, type TestGateway, uploadBody } from '../support/test-gateway.ts'

const SLOW_DOWN = { status: 429, code: 'SlowDown' } as const
const FULL = { status: 403, code: 'QuotaExceeded' } as const
const rate = { policy: 'rate', per: 'user', requests: 1, windowSeconds: 5, burst: 3 }
const stored = { policy: 'stored', per: 'user', unit: 'stored-bytes', limit: 4_000 }
const PLAN = { rates: [rate], quotas: [stored] }
const KEYED = { headers: { 'idempotency-key': 'the-same' } }
const DOWNLOAD = { bucket: 'media', key: 'acme/alice/cat.jpg' }

let gateway: TestGateway
afterEach(() => gateway.close())

/** A gateway that counts the decisions of the ledger behind the cache; its clock is an hour ahead. */
async function openCounted() {
  const clock = new TestClock()
  /** Passes with every look at our own clock. */
  const pace = { ms: 0 }
  const ledgerTime = new LedgerTime({
    nowMs() {
      clock.advance(pace.ms)
      return clock.nowMs()
    },
  })
  const memory = openMemoryLedger({ clock: { nowMs: () => clock.nowMs() + 3_600_000 } })
  const asked = { times: 0 }
  const counted = {
    ...memory,
    admit(command: Parameters<typeof memory.admit>[0]) {
      asked.times += 1
      return memory.admit(command)
    },
  }
  const ledger = withDenyCache(counted, { clock, ledgerTime })
  gateway = await openTestGateway({ clock, plan: PLAN, overrides: { ledger, ledgerTime } })
  // Teaches the ledger's clock: the first deadline is long over there.
  await gateway.call('GET', '/v1/usage')
  return { clock, ledgerTime, asked, pace }
}

const upload = (name: string, options = {}, sizeBytes = 1_000) =>
  gateway.call('POST', '/v1/uploads', uploadBody({ key: `acme/alice/${name}`, sizeBytes }), options)

it('a flood of refused requests costs the ledger one decision, and ends to the millisecond', async () => {
  const { clock, asked } = await openCounted()
  for (const key of ['a', 'b', 'c']) expect((await upload(key)).status).toBe(201)
  const first = await expectRefused(await upload('d'), SLOW_DOWN, { gateway })
  const before = asked.times
  for (let ms = 49; ms < 5_000; ms += 49) {
    clock.advance(49)
    const answer = ms % 2 === 0 ? upload('d') : gateway.call('POST', '/v1/downloads', DOWNLOAD)
    const { violations } = await expectRefused(await answer, SLOW_DOWN, { gateway })
    const retryAfterSeconds = Math.ceil((5_000 - ms) / 1000)
    expect(violations).toEqual([{ ...(first.violations as object[])[0], retryAfterSeconds }])
  }
  clock.advance(1)
  expect(asked.times).toBe(before)
  expect((await upload('d')).status).toBe(429)
  clock.advance(1)
  expect((await gateway.call('POST', '/v1/downloads', DOWNLOAD)).status).toBe(200)
  expect(asked.times).toBe(before + 1)
})

it('a flood does not move the ledger’s clock as it is seen here', async () => {
  const { clock, ledgerTime, asked, pace } = await openCounted()
  for (const key of ['a', 'b', 'c', 'd']) await upload(key)
  const before = asked.times
  pace.ms = 1
  for (let time = 0; time < 100; time += 1) expect((await upload('d')).status).toBe(429)
  pace.ms = 0
  expect([asked.times, ledgerTime.nowMs() - clock.nowMs()]).toEqual([before, 3_600_000])
})

it('a refusal by a quota is asked for each time', async () => {
  const { asked } = await openCounted()
  for (const key of ['a', 'b', 'c']) expect((await upload(key)).status).toBe(201)
  const before = asked.times
  for (let time = 0; time < 5; time += 1) {
    await expectRefused(await upload('d', {}, 1_001), FULL, { gateway })
  }
  expect(asked.times).toBe(before + 5)
})

it('a replay finds its upload in the middle of a flood', async () => {
  await openCounted()
  const { id } = await (await upload('a', KEYED)).json()
  for (const key of ['b', 'c']) expect((await upload(key)).status).toBe(201)
  expect((await upload('d')).status).toBe(429)
  expect((await upload('d')).status).toBe(429)
  const again = await upload('a', KEYED)
  expect([again.status, (await again.json()).id]).toEqual([201, id])
})

it('the ledger that the configuration names is asked through the cache, and hits are counted', async () => {
  gateway = await openTestGateway({ plan: PLAN, openedLedger: true })
  for (const key of ['a', 'b', 'c']) expect((await upload(key)).status).toBe(201)
  for (let time = 0; time < 10; time += 1) expect((await upload('d')).status).toBe(429)
  const text = await (await gateway.admin.request('/metrics')).text()
  expect(text).toMatch(/^signet_ledger_refusals_remembered_total\{op="R"[^}]*\} 9$/m)
})
