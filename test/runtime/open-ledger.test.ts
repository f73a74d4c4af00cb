import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openContext } from '../../src/runtime/open-context.ts'
import { load } from '../config/config-fixture.ts'
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
