import { describe, expect, it } from 'vitest'
import { configText, expectProblem, problemsOf } from './config-fixture.ts'

const rate = (more: object) => ({
  'plans.standard.rates': [{ policy: 'r', per: 'user', requests: 1, windowSeconds: 1, ...more }],
})

const quota = (more: object) => ({
  'plans.standard.quotas': [
    { policy: 'q', per: 'user', unit: 'bytes', limit: 1, window: 'day', ...more },
  ],
})

const manyRates = (count: number, per: string, name: string) =>
  Array.from({ length: count }, (_, index) => ({
    policy: `${name}-${index}`,
    per,
    requests: 1,
    windowSeconds: 1,
  }))

describe('a plan', () => {
  it.each(['store-capacity', 'object-lock'])('refuses a limit of the name %s', async (policy) => {
    const problem = 'plans.standard.quotas[0].policy: is reserved: choose another name'
    await expectProblem(quota({ policy }), problem)
  })

  it('wants a window for what is counted in one, and none for what stands', async () => {
    for (const unit of ['bytes', 'objects', 'requests']) {
      await expectProblem(
        quota({ unit, window: undefined }),
        `plans.standard.quotas[0].window: is required for unit: ${unit}`,
      )
    }
    for (const unit of ['stored-bytes', 'stored-objects', 'pending-uploads']) {
      await expectProblem(
        quota({ unit }),
        `plans.standard.quotas[0].window: must be left out for unit: ${unit}`,
      )
      expect(await problemsOf(configText(quota({ unit, window: undefined })))).toEqual([])
    }
  })

  it('takes limits from 0 to 2^50', async () => {
    expect(await problemsOf(configText(quota({ limit: 0 })))).toEqual([])
    expect(await problemsOf(configText(quota({ limit: 2 ** 50 })))).toEqual([])
    for (const limit of [-1, 0.5, 2 ** 50 + 1, '10']) {
      expect(await problemsOf(configText(quota({ limit })))).toHaveLength(1)
    }
  })

  it('names each policy once', async () => {
    await expectProblem(
      { ...rate({ policy: 'same' }), ...quota({ policy: 'same' }) },
      'plans.standard.quotas[0].policy: is there more than once in this plan',
    )
  })

  it('names no two policies that the ledger could not tell apart', async () => {
    // Found by search: SHA-256 of both names starts with the same four bytes.
    const [one, other] = ['policy-38855', 'policy-59550']
    await expectProblem(
      { ...rate({ policy: one }), ...quota({ policy: other }) },
      `plans.standard.quotas[0].policy: collides with "${one}": choose another name`,
    )
  })

  it('refuses rates that the ledger could not count exactly', async () => {
    expect(await problemsOf(configText(rate({ requests: 100_000 })))).toEqual([])
    await expectProblem(
      rate({ requests: 100_001 }),
      'plans.standard.rates[0].requests: must be at most 100,000 for each second of the window',
    )
    const day = { windowSeconds: 86_400, requests: 1 }
    expect(await problemsOf(configText(rate({ ...day, burst: 366 })))).toEqual([])
    await expectProblem(
      rate({ ...day, burst: 367 }),
      'plans.standard.rates[0].burst: must come back within 366 days',
    )
  })

  it('has at most 32 limits, alone and with the plan of the tenant', async () => {
    const none = { 'plans.standard.quotas': [] }
    const own = (count: number) => ({
      ...none,
      'plans.standard.rates': manyRates(count, 'user', 'a'),
    })
    expect(await problemsOf(configText(own(32)))).toEqual([])
    await expectProblem(own(33), 'plans.standard: has more than 32 limits')
    const pair = (count: number) => ({
      ...none,
      'plans.standard.rates': manyRates(16, 'tenant', 'a'),
      'plans.pro.rates': manyRates(count, 'user', 'b'),
      'tenants.acme.users': { alice: { plan: 'pro' } },
    })
    expect(await problemsOf(configText(pair(16)))).toEqual([])
    await expectProblem(
      pair(17),
      "tenants.acme.users.alice.plan: makes more than 32 limits together with the tenant's plan",
    )
  })

  it('of a user may not name a policy that the tenant’s plan counts for the tenant', async () => {
    const plans = (per: string) => ({
      'plans.standard.rates': [],
      'plans.standard.quotas': [{ policy: 'x', per, unit: 'stored-bytes', limit: 1 }],
      'plans.pro.quotas': [{ policy: 'x', per: 'user', unit: 'stored-bytes', limit: 2 }],
      'tenants.acme.users': { alice: { plan: 'pro' } },
    })
    expect(await problemsOf(configText(plans('user')))).toEqual([])
    await expectProblem(
      plans('tenant'),
      'tenants.acme.users.alice.plan: has a user\'s policy "x", as has the tenant\'s plan',
    )
  })
})
