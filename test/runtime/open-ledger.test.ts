import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { openContext } from '../../src/runtime/open-context.ts'
import { load } from '../config/config-fixture.ts'
import { initialise } from '../ledger/redis-fixture.ts'
import { openRedisServer } from '../support/redis/redis-server.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'
import { TestClock } from '../support/test-clock.ts'

const HOUR_MS = 3_600_000
const RESERVATION = { partition: 0, rid: 'up_1', fingerprint: 'fp', subjects: ['uA'] }
const ADMISSION = { hold: [0], check: [0, Number.MAX_SAFE_INTEGER, 0], deadlineMs: 0 }

describe('an ended reservation', () => {
  it.each(['memory', 'sqlite'])('is remembered in %s for retentionHours', async (kind) => {
    const folder = await mkdtemp(join(tmpdir(), 'signet-retention-'))
    const state = kind === 'memory' ? 'memory:' : `sqlite:${join(folder, 'signet.db')}`
    const settings = { state, 'audit.file': 'none', 'ledger.retentionHours': 3 }
    const { config, secrets } = await load(settings)
    const closing = new AsyncDisposableStack()
    closing.defer(() => rm(folder, { recursive: true }))
    const clock = new TestClock()
    try {
      const { ledger } = await openContext(config, secrets, closing, { clock })
      const times = { ttlMs: HOUR_MS, lookMs: HOUR_MS, note: '{}' }
      await ledger.admit({ op: 'R', ...RESERVATION, ...ADMISSION, ...times })
      expect(await ledger.finish({ op: 'V', ...RESERVATION })).toMatchObject({ code: 'OK' })
      const found = async () => {
        await ledger.claim({ partition: 0, limit: 1, leaseMs: 1_000 })
        return (await ledger.find({ partition: 0, rid: 'up_1' }))?.state
      }
      clock.advance(3 * HOUR_MS)
      expect(await found()).toBe('V')
      clock.advance(1)
      expect(await found()).toBe(undefined)
    } finally {
      await closing.disposeAsync()
    }
  })
})

/** Sets the machine's clock, from now on, this much ahead of the right time. */
function setMachineClock(aheadMs: number): void {
  const right = Date.now
  vi.spyOn(Date, 'now').mockImplementation(() => right() + aheadMs)
}
afterEach(() => {
  vi.restoreAllMocks()
})

describe('a machine whose clock is set', () => {
  it('still remembers what was refused, for as long as it lasts', async () => {
    await using closing = new AsyncDisposableStack()
    const { config, secrets } = await load({ state: 'memory:', 'audit.file': 'none' })
    const { ledger } = await openContext(config, secrets, closing)
    const minute = 60_000_000
    const check = [0, Number.MAX_SAFE_INTEGER, 1, 11, minute, minute]
    const charge = () =>
      ledger.admit({ op: 'C', partition: 0, subjects: ['uA'], ...ADMISSION, check })
    expect(await charge()).toMatchObject({ code: 'OK' })
    expect(await charge()).toMatchObject({ code: 'DENIED' })
    setMachineClock(-10_000)
    expect(await charge()).toMatchObject({ code: 'DENIED', remembered: true })
  })
})

describeOnRedis('a machine whose clock is set', () => {
  it('gives up no decision that waits for its turn', async () => {
    await using closing = new AsyncDisposableStack()
    const server = closing.use(await openRedisServer())
    await initialise(server.port)
    const state = `redis://127.0.0.1:${server.port}`
    await server.command('CONFIG', 'SET', 'appendonly', 'yes', 'appendfsync', 'always')
    const { config, secrets } = await load({ state, 'audit.file': 'none' })
    const { ledger } = await openContext(config, secrets, closing)
    const times = { ttlMs: HOUR_MS, lookMs: HOUR_MS, note: '{}' }
    const waiting = ledger.admit({ op: 'R', ...RESERVATION, ...ADMISSION, ...times })
    setMachineClock(HOUR_MS)
    expect(await waiting).toMatchObject({ code: 'OK' })
  })
})
