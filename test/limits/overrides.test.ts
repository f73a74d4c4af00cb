import { afterEach, describe, expect, it } from 'vitest'
import { openMemoryLedger } from '../../src/ledger/memory.ts'
import { TestClock } from '../support/test-clock.ts'
import { openTestGateway, type TestGateway, uploadBody } from '../support/test-gateway.ts'

const PLAN = {
  rates: [{ policy: 'user-requests', per: 'user', requests: 60, windowSeconds: 60, burst: 60 }],
  quotas: [
    { policy: 'user-bytes', per: 'user', unit: 'bytes', limit: 3_000, window: 'day' },
    { policy: 'tenant-stored', per: 'tenant', unit: 'stored-bytes', limit: 1_000_000 },
  ],
}
const clock = new TestClock()
const opened: TestGateway[] = []
afterEach(async () => {
  for (const gateway of opened.splice(0)) await gateway.close()
})

/** Gateways of different configurations over one ledger: one is changed while the counters stay. */
function installation() {
  const ledger = openMemoryLedger({ clock })
  let count = 0
  return async (tenant: object, user: object = {}) => {
    const gateway = await openTestGateway({
      plan: PLAN,
      clock,
      tenantSettings: {
        acme: { ...tenant, users: { alice: user, bob: {} } },
      },
      overrides: { ledger },
    })
    opened.push(gateway)
    return async (who = 'acme/alice') => {
      count += 1
      const body = uploadBody({ key: `${who}/${count}` })
      const answer = await gateway.call('POST', '/v1/uploads', body, { who })
      const { limits, violations, code } = await answer.json()
      return { status: answer.status, limits, violations, code }
    }
  }
}

describe('a limit that is changed', () => {
  it('refuses from the next decision on when it is lower than what is used', async () => {
    const open = installation()
    const first = await open({})
    expect((await first()).status).toBe(201)
    expect((await first()).status).toBe(201)
    const second = await open({ overrides: { 'user-bytes': { limit: 2_000 } } })
    expect(await second()).toMatchObject({
      status: 429,
      violations: [{ policy: 'user-bytes', limit: 2_000, pending: 2_000, requested: 1_000 }],
    })
  })

  it('admits from the next decision on when it is raised, for that user alone', async () => {
    const open = installation()
    const first = await open({ overrides: { 'user-bytes': { limit: 1_000 } } })
    expect((await first()).status).toBe(201)
    expect((await first()).status).toBe(429)
    expect((await first('acme/bob')).status).toBe(201)
    const second = await open(
      { overrides: { 'user-bytes': { limit: 1_000 } } },
      { overrides: { 'user-bytes': { limit: 2_000 } } },
    )
    const admitted = await second()
    expect(admitted.status).toBe(201)
    expect(admitted.limits).toContainEqual(
      expect.objectContaining({ policy: 'user-bytes', limit: 2_000, pending: 2_000, remaining: 0 }),
    )
    expect((await second('acme/bob')).status).toBe(429)
  })

  it('may be a rate: what was spent under the old one is spent under the new one', async () => {
    const open = installation()
    const first = await open({})
    expect((await first()).status).toBe(201)
    expect((await first()).status).toBe(201)
    const slow = { overrides: { 'user-requests': { requests: 1, burst: 1 } } }
    const lowered = await open(slow)
    expect(await lowered()).toMatchObject({ status: 429, code: 'SlowDown' })
    const raised = await open({ overrides: { 'user-requests': { requests: 6_000 } } })
    expect((await raised()).status).toBe(201)
  })
})
