import { describe, expect, it } from 'vitest'
import type { Plan } from '../../src/limits/plan.ts'
import { type Changes, configText, expectProblem, load, problemsOf } from './config-fixture.ts'

const RATE = { policy: 'user-requests', per: 'user', requests: 60, windowSeconds: 60 }
const TENANT = 'tenants.acme.overrides'
const ALICE = 'tenants.acme.users.alice.overrides'

async function plansOf(changes: Changes) {
  const { config } = await load(changes)
  const acme = config.tenants.get('acme')
  return {
    acme: acme?.plan,
    alice: acme?.users.get('alice')?.plan,
    bob: acme?.users.get('bob')?.plan,
  }
}
const limitsOf = (plan: Plan | undefined) =>
  Object.fromEntries(plan?.quotas.map(({ policy, limit }) => [policy, limit]) ?? [])

describe('overrides', () => {
  it('of a tenant are numbers for it and all of its users', async () => {
    const { acme, alice, bob } = await plansOf({
      [TENANT]: { 'user-bytes-day': { limit: 5 }, 'tenant-stored': { limit: 7 } },
    })
    for (const plan of [acme, alice, bob]) {
      expect(limitsOf(plan)).toEqual({ 'user-bytes-day': 5, 'tenant-stored': 7 })
    }
  })

  it('of a user are its own, and come before the tenant’s', async () => {
    const { acme, alice, bob } = await plansOf({
      [TENANT]: { 'user-bytes-day': { limit: 5 }, 'user-requests': { requests: 10, burst: 4 } },
      [ALICE]: { 'user-bytes-day': { limit: 9 }, 'user-requests': { windowSeconds: 1 } },
    })
    expect(limitsOf(alice)['user-bytes-day']).toBe(9)
    expect(limitsOf(bob)['user-bytes-day']).toBe(5)
    expect(alice?.rates).toEqual([{ ...RATE, requests: 10, windowSeconds: 1, burst: 4 }])
    expect(bob).toBe(acme)
  })

  it('reach limits of a user’s own plan too', async () => {
    const quotas = [{ policy: 'pro-bytes', per: 'user', unit: 'bytes', limit: 1, window: 'hour' }]
    const { bob, alice } = await plansOf({
      'plans.pro': { quotas },
      'tenants.acme.users.bob': { plan: 'pro' },
      [TENANT]: { 'pro-bytes': { limit: 2 } },
    })
    expect(limitsOf(bob)).toEqual({ 'pro-bytes': 2 })
    expect(limitsOf(alice)).not.toHaveProperty('pro-bytes')
  })

  it('take a burst along that equals the requests, and leave another one', async () => {
    const raised = { [TENANT]: { 'user-requests': { requests: 600 } } }
    expect((await plansOf(raised)).acme?.rates[0]).toMatchObject({ requests: 600, burst: 600 })
    const own = { ...raised, 'plans.standard.rates': [{ ...RATE, burst: 5 }] }
    expect((await plansOf(own)).acme?.rates[0]).toMatchObject({ requests: 600, burst: 5 })
  })

  it('leave other tenants and the plan as they are', async () => {
    const { config } = await load({
      'tenants.other': { plan: 'standard', users: { carol: {} } },
      [TENANT]: { 'tenant-stored': { limit: 1 } },
    })
    expect(config.tenants.get('other')?.plan).toBe(config.plans.get('standard'))
    expect(limitsOf(config.plans.get('standard'))['tenant-stored']).toBe(10_000)
  })

  it.each([
    [
      TENANT,
      { 'user-byte-day': { limit: 1 } },
      'names no limit: "user-byte-day", did you mean "user-bytes-day"?',
    ],
    [
      ALICE,
      { 'tenant-store': { limit: 1 } },
      'names no limit: "tenant-store", did you mean "tenant-stored"?',
    ],
    [
      ALICE,
      { 'tenant-stored': { limit: 1 } },
      'counts for the whole tenant: override it at the tenant',
    ],
    [TENANT, { 'tenant-stored': {} }, 'must have at least one number'],
  ])('%s %j is a problem', async (path, overrides, problem) => {
    await expectProblem({ [path]: overrides }, `${path}.${Object.keys(overrides)[0]}: ${problem}`)
  })

  it.each([
    ['tenant-stored', { requests: 1 }, 'requests', 'is for a rate limit, and this is a quota'],
    ['user-requests', { limit: 1 }, 'limit', 'is for a quota, and this is a rate limit'],
    ['tenant-stored', { limit: -1 }, 'limit', 'must be a whole number from 0 to 1125899906842624'],
    ['user-requests', { burst: 0 }, 'burst', 'must be a whole number from 1 to 1000000000'],
    [
      'user-requests',
      { requests: 100_000_000, burst: 1 },
      'requests',
      'must be at most 100,000 for each second of the window',
    ],
    [
      'user-requests',
      { requests: 1, windowSeconds: 31_622_400, burst: 2 },
      'burst',
      'must come back within 366 days',
    ],
    ['user-requests', { limits: 1 }, 'limits', 'is unknown, did you mean "limit"?'],
  ])('%s: %j is checked like a plan', async (policy, numbers, member, problem) => {
    expect(await problemsOf(configText({ [TENANT]: { [policy]: numbers } }))).toContain(
      `${TENANT}.${policy}.${member}: ${problem}`,
    )
  })

  it('of a plan that is not there are no problem of their own', async () => {
    await expectProblem(
      {
        'tenants.acme.plan': 'standrad',
        [TENANT]: { x: { limit: 1 } },
        [ALICE]: { y: { limit: 1 } },
      },
      'tenants.acme.plan: names no plan: "standrad", did you mean "standard"?',
    )
  })
})
