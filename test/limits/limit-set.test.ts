import { describe, expect, it } from 'vitest'
import { KIND, MAX_AMOUNT, MAX_LIMITS, TOTAL_WINDOW } from '../../src/ledger/port.ts'
import { limitId } from '../../src/limits/limit-id.ts'
import { compileLimits, limitsNow, problemsOf } from '../../src/limits/limit-set.ts'
import type { QuotaUnit } from '../../src/limits/plan.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { compiled, measured, plan, quota, rate } from './limit-fixture.ts'

const problems = (limits: Parameters<typeof plan>[0]) => problemsOf(plan(limits), nodeHashing)
const DAY = Date.UTC(2026, 0, 15)

describe('a set of limits', () => {
  it('takes the user’s limits from the user’s plan and the tenant’s from the tenant’s', () => {
    const both = (name: string) =>
      plan({
        quotas: [quota({ policy: `${name}-u` }), quota({ policy: `${name}-t`, per: 'tenant' })],
      })
    const set = compileLimits({
      user: both('a'),
      tenant: both('b'),
      timeZone: 'UTC',
      hashing: nodeHashing,
    })
    expect(set.user.quotas.map(({ policy }) => policy)).toEqual(['a-u'])
    expect(set.tenant.quotas.map(({ policy }) => policy)).toEqual(['b-t'])
  })

  it('is measured for user and tenant, in this order, within the bounds of its windows', () => {
    const set = compiled({
      rates: [rate({ requests: 10, windowSeconds: 1 })],
      quotas: [
        quota(),
        quota({ policy: 'tenant-stored', per: 'tenant', unit: 'stored-bytes', limit: 5 }),
      ],
    })
    const id = (policy: string) => limitId(nodeHashing, policy)
    expect(measured(set, { requests: 2, bytes: 7, storedBytes: 7 })).toEqual({
      subjects: ['u-alice', 't-acme'],
      requests: 2,
      stores: [],
      hold: [
        1,
        id('user-bytes-day'),
        DAY / 60_000,
        7,
        KIND.bytes,
        1,
        id('tenant-stored'),
        TOTAL_WINDOW,
        7,
        KIND.stored,
      ],
      check: [DAY, DAY + 86_400_000, 1, id('user-requests'), 200_000, 1_000_000, 1_000, 0, 5],
    })
  })

  it.each([
    ['bytes', 'bytes', KIND.bytes],
    ['objects', 'objects', KIND.count],
    ['requests', 'requests', KIND.request],
    ['stored-bytes', 'storedBytes', KIND.stored],
    ['pending-uploads', 'slots', KIND.slot],
    ['stored-objects', 'storedObjects', KIND.objects],
  ] as const)(
    'counts %s by what the demand says of it, as the port’s own kind',
    (unit: QuotaUnit, of, kind) => {
      const { hold } = measured(compiled({ quotas: [quota({ unit })] }), { [of]: 3 })
      expect(hold.slice(3, 5)).toEqual([3, kind])
    },
  )

  it('adds the lock of an object as a third subject with one slot', () => {
    const set = compiled({ quotas: [quota()] })
    const { subjects, hold, check } = measured(set, {}, 'o-lock')
    expect(subjects).toEqual(['u-alice', 't-acme', 'o-lock'])
    expect(hold.slice(-5)).toEqual([
      1,
      limitId(nodeHashing, 'object-lock'),
      TOTAL_WINDOW,
      1,
      KIND.slot,
    ])
    expect(check.slice(-2)).toEqual([0, 1])
  })

  it('makes a burst of whole requests: the last one of a burst never misses by a rounding', () => {
    for (const requests of [3, 7, 11, 59_999]) {
      const set = compiled({ rates: [rate({ requests, windowSeconds: 1 })] })
      const [one = 0, burst] = measured(set, { requests: 1 }).check.slice(4)
      expect(burst).toBe(one * requests)
      expect(one).toBeGreaterThanOrEqual(1e6 / requests)
    }
  })

  it('knows today’s limits for an old hold: of a limit that left, none', () => {
    const old = compiled({ quotas: [quota({ policy: 'gone' }), quota({ limit: 5 })] })
    const today = compiled({ quotas: [quota({ limit: 9 })] })
    const { hold } = measured(old, { bytes: 1 }, 'o-lock')
    expect(limitsNow(today, hold)).toEqual([MAX_AMOUNT, 9, 1])
  })
})

describe('problems of a plan', () => {
  it('has none at the edges that are allowed', () => {
    const rates = [
      rate({ policy: 'fastest', requests: 100_000, windowSeconds: 1, burst: 1 }),
      rate({ policy: 'slowest', requests: 1, windowSeconds: 86_400, burst: 366 }),
    ]
    expect(
      problems({ rates, quotas: [quota({ limit: 0 }), quota({ policy: 'b', limit: MAX_AMOUNT })] }),
    ).toEqual([])
  })

  it('names all of them at once', () => {
    const rates = [
      rate({ policy: 'too-fast', requests: 100_001, windowSeconds: 1, burst: 1 }),
      rate({ policy: 'too-long', requests: 1, windowSeconds: 86_400, burst: 367 }),
      rate({ policy: 'twice' }),
    ]
    const { window: _, ...noWindow } = quota({ policy: 'no-window' })
    const quotas = [
      quota({ policy: 'twice' }),
      noWindow,
      quota({ policy: 'slots', unit: 'pending-uploads', window: 'day' }),
    ]
    expect(problems({ rates, quotas })).toEqual([
      'policy "twice" is named twice',
      'rate "too-fast" is faster than one request in 10 µs',
      'rate "too-long" needs more than 366 days for its burst',
      'quota "no-window" needs a window',
      'quota "slots" cannot have a window',
    ])
  })

  it.each(['object-lock', 'store-capacity'])('keeps the name %s for itself', (policy) => {
    expect(problems({ quotas: [quota({ policy })] })).toEqual([`policy "${policy}" is reserved`])
  })

  it('sees two names of one id, across the plans of user and tenant too', () => {
    const clash = { ...nodeHashing, sha256: () => new Uint8Array(32) }
    const found = problemsOf(plan({ quotas: [quota({ policy: 'a' })] }), clash)
    expect(found).toEqual(['policies "a" and "store-capacity" collide'])
    const user = plan({ quotas: [quota({ policy: 'same' })] })
    const tenant = plan({ quotas: [quota({ policy: 'same', per: 'tenant' })] })
    expect(() => compileLimits({ user, tenant, timeZone: 'UTC', hashing: nodeHashing })).toThrow(
      'Cannot compile the limits: policy "same" is named twice',
    )
  })

  it(`allows ${MAX_LIMITS} limits and not one more`, () => {
    const quotas = Array.from({ length: MAX_LIMITS + 1 }, (_, n) => quota({ policy: `q${n}` }))
    expect(problems({ quotas: quotas.slice(1) })).toEqual([])
    expect(problems({ quotas })).toEqual(['33 limits are more than 32'])
  })
})
