import { describe, expect, it } from 'vitest'
import { openMemoryLedger } from '../../src/ledger/memory.ts'
import { limitStatuses, violationsOf } from '../../src/limits/limit-report.ts'
import type { Demand, LimitSet } from '../../src/limits/limit-set.ts'
import { compiled, measured, NOW_MS, quota, rate } from './limit-fixture.ts'

/** Asks a real decision, so that levels and positions are the ledger's own. */
function account(set: LimitSet) {
  let nowMs = NOW_MS
  const ledger = openMemoryLedger({ clock: { nowMs: () => nowMs } })
  return {
    advance(ms: number) {
      nowMs += ms
    },
    async ask(
      demand: Partial<Demand>,
      { op = 'C' as 'C' | 'Q', lock = undefined as string | undefined } = {},
    ) {
      const asked = measured(set, demand, lock)
      const check = [0, Number.MAX_SAFE_INTEGER, ...asked.check.slice(2)]
      const reply = await ledger.admit({ ...asked, check, op, partition: 0, deadlineMs: 0 })
      if (reply.code !== 'OK' && reply.code !== 'DENIED') throw new Error(reply.code)
      const { levels } = reply
      const statuses = limitStatuses(set, asked, levels, nowMs, op === 'C' && reply.code === 'OK')
      const denied = reply.code === 'DENIED' ? reply.denied : []
      return { code: reply.code, statuses, ...violationsOf(set, asked, denied, levels, nowMs) }
    },
  }
}

describe('the report of a rate', () => {
  it('counts what is gone of the burst, rounds what remains down and the reset up', async () => {
    const { ask } = account(compiled({ rates: [rate({ requests: 3, windowSeconds: 1 })] }))
    expect((await ask({}, { op: 'Q' })).statuses).toMatchObject([{ used: 0, remaining: 3 }])
    for (const remaining of [2, 1, 0]) {
      const { code, statuses } = await ask({ requests: 1 })
      expect(code).toBe('OK')
      expect(statuses).toMatchObject([
        {
          policy: 'user-requests',
          unit: 'requests',
          limit: 3,
          used: 3 - remaining,
          pending: 0,
          remaining,
        },
      ])
    }
    // 12:00:00.250 and a whole second, three times rounded up by less than a microsecond.
    const { statuses } = await ask({}, { op: 'Q' })
    expect(statuses).toMatchObject([{ remaining: 0, resetsAt: '2026-01-15T12:00:02Z' }])
  })

  it('rounds the wait up: who comes a millisecond early is refused, on time is let in', async () => {
    const { ask, advance } = account(
      compiled({ rates: [rate({ requests: 2, windowSeconds: 3, burst: 1 })] }),
    )
    await ask({ requests: 1 })
    const refused = await ask({ requests: 1 })
    expect(refused).toMatchObject({
      waitingHeals: true,
      retryAfterSeconds: 2,
      onlyRates: true,
      lockTaken: false,
    })
    expect(refused.violations).toMatchObject([
      { used: 1, requested: 1, limit: 1, retryAfterSeconds: 2 },
    ])
    advance(1_499)
    expect(await ask({ requests: 1 })).toMatchObject({ code: 'DENIED', retryAfterSeconds: 1 })
    advance(1)
    expect(await ask({ requests: 1 })).toMatchObject({ code: 'OK' })
  })

  it('never heals for more than the whole burst', async () => {
    const { ask } = account(compiled({ rates: [rate({ requests: 60, burst: 10 })] }))
    const refused = await ask({ requests: 11 })
    expect(refused).toMatchObject({
      waitingHeals: false,
      onlyRates: true,
      violations: [{ requested: 11 }],
    })
    expect(refused).not.toHaveProperty('retryAfterSeconds')
    expect(await ask({ requests: 10 })).toMatchObject({ code: 'OK' })
  })

  it('shows a remainder that is all there', async () => {
    for (const requests of [1, 7, 13, 60, 997]) {
      const { ask } = account(compiled({ rates: [rate({ requests })] }))
      const { statuses } = await ask({ requests: 1 })
      const left = statuses[0]?.remaining ?? -1
      expect(left).toBe(requests - 1)
      if (left > 0) expect(await ask({ requests: left })).toMatchObject({ code: 'OK' })
      expect(await ask({ requests: 1 })).toMatchObject({ code: 'DENIED' })
    }
  })
})

describe('the report of a quota', () => {
  it('heals at the end of its window, rounded up', async () => {
    const set = compiled({ quotas: [quota({ unit: 'requests', limit: 1 })] }, 'Europe/Berlin')
    const { ask } = account(set)
    const { statuses } = await ask({ requests: 1 })
    expect(statuses).toMatchObject([
      { limit: 1, used: 1, pending: 0, remaining: 0, resetsAt: '2026-01-15T23:00:00Z' },
    ])
    // 11 hours less 250 ms.
    expect(await ask({ requests: 1 })).toMatchObject({
      waitingHeals: true,
      retryAfterSeconds: 39_600,
      onlyRates: false,
    })
  })

  it('does not heal above the whole limit, of a total, or of a limit of 0', async () => {
    const whole = account(compiled({ quotas: [quota({ limit: 100 })] }))
    expect(await whole.ask({ bytes: 101 }, { op: 'Q' })).toMatchObject({ waitingHeals: false })
    const total = account(compiled({ quotas: [quota({ unit: 'stored-bytes', limit: 0 })] }))
    expect(await total.ask({ storedBytes: 1 }, { op: 'Q' })).toMatchObject({ waitingHeals: false })
    const slots = account(compiled({ quotas: [quota({ unit: 'pending-uploads', limit: 0 })] }))
    expect(await slots.ask({ slots: 1 }, { op: 'Q' })).toMatchObject({ waitingHeals: false })
  })

  it('names every limit that refuses, and waits for the latest; one that never heals decides', async () => {
    const limits = {
      rates: [rate({ requests: 1, burst: 1 })],
      quotas: [
        quota({ unit: 'requests', limit: 1 }),
        quota({ policy: 'total', per: 'tenant', unit: 'stored-bytes', limit: 5 }),
      ],
    }
    const { ask } = account(compiled(limits))
    await ask({ requests: 1 })
    const healing = await ask({ requests: 1 })
    expect(healing.violations.map(({ retryAfterSeconds }) => retryAfterSeconds)).toEqual([
      60, 43_200,
    ])
    expect(healing).toMatchObject({ waitingHeals: true, retryAfterSeconds: 43_200 })
    const not = await ask({ requests: 1, storedBytes: 6 }, { op: 'Q' })
    expect(not.violations.map(({ policy }) => policy)).toEqual([
      'user-requests',
      'user-bytes-day',
      'total',
    ])
    expect(not.waitingHeals).toBe(false)
  })

  it('looks at everything and refuses nothing when nothing is asked', async () => {
    const limits = {
      rates: [rate({ requests: 1, burst: 1 })],
      quotas: [quota({ unit: 'requests', limit: 1 }), quota({ policy: 'none', limit: 0 })],
    }
    const { ask } = account(compiled(limits))
    await ask({ requests: 1 })
    const look = await ask({}, { op: 'Q' })
    expect(look).toMatchObject({ code: 'OK', violations: [] })
    expect(look.statuses.map(({ remaining }) => remaining)).toEqual([0, 0, 0])
  })
})

describe('slots and the lock', () => {
  const set = compiled({ quotas: [quota({ unit: 'pending-uploads', limit: 2 })] })
  const command = (asked: ReturnType<typeof measured>) => ({
    ...asked,
    op: 'R' as const,
    partition: 0,
    rid: 'up_1',
    fingerprint: 'fp',
    deadlineMs: 0,
    ttlMs: 1,
    lookMs: 1,
    note: '{}',
  })

  it('a slot has no known end: 5 seconds; a taken lock is no limit that is named', async () => {
    const ledger = openMemoryLedger({ clock: { nowMs: () => NOW_MS } })
    const two = measured(set, { slots: 2 }, 'o-lock')
    await ledger.admit(command(two))
    const again = measured(set, { slots: 1 }, 'o-lock')
    const refused = await ledger.admit({ ...command(again), rid: 'up_2' })
    if (refused.code !== 'DENIED') throw new Error(refused.code)
    const verdict = violationsOf(set, again, refused.denied, refused.levels, NOW_MS)
    expect(verdict).toMatchObject({
      lockTaken: true,
      waitingHeals: true,
      retryAfterSeconds: 5,
      onlyRates: false,
    })
    expect(verdict.violations).toMatchObject([
      { policy: 'user-bytes-day', used: 0, pending: 2, requested: 1, retryAfterSeconds: 5 },
    ])
  })

  it('what this very request reserves is shown as pending', async () => {
    const ledger = openMemoryLedger({ clock: { nowMs: () => NOW_MS } })
    const asked = measured(set, { slots: 1 }, 'o-lock')
    const reply = await ledger.admit(command(asked))
    if (reply.code !== 'OK') throw new Error(reply.code)
    const before = limitStatuses(set, asked, reply.levels, NOW_MS, false)
    const after = limitStatuses(set, asked, reply.levels, NOW_MS, true)
    expect(before).toMatchObject([{ pending: 0, remaining: 2 }])
    expect(after).toMatchObject([{ pending: 1, remaining: 1 }])
    expect(after[0]).not.toHaveProperty('resetsAt')
  })
})
