import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/errors.ts'
import type { Account } from '../../src/gateway/accounts.ts'
import { admit, NO_DEMAND } from '../../src/gateway/admit.ts'
import { createCapacity } from '../../src/gateway/capacity.ts'
import { LedgerTime } from '../../src/gateway/ledger-time.ts'
import { openMemoryLedger } from '../../src/ledger/memory.ts'
import type { Ledger } from '../../src/ledger/port.ts'
import { shadowViolations } from '../../src/limits/limit-report.ts'
import { limitsNow, UNLIMITED } from '../../src/limits/limit-set.ts'
import type { RateLimit } from '../../src/limits/plan.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { openMemoryState } from '../../src/state/memory.ts'
import { eventsIn } from '../support/log-lines.ts'
import { TestClock } from '../support/test-clock.ts'
import { openTestGateway, type TestGateway, uploadBody } from '../support/test-gateway.ts'
import { compiled, measured, quota, rate, SUBJECTS } from './limit-fixture.ts'

const SEED = crypto.getRandomValues(new Int32Array(1))[0] ?? 0
const RATE = { policy: 'tried', per: 'user', requests: 2, windowSeconds: 60, burst: 2 }
const QUOTA = { policy: 'bytes', per: 'user', unit: 'bytes', limit: 2_000, window: 'day' }
const ROOMY = { policy: 'roomy', per: 'tenant', requests: 1_000, windowSeconds: 1, burst: 1_000 }

const opened: TestGateway[] = []
afterEach(async () => {
  for (const gateway of opened.splice(0)) await gateway.close()
})

/** A memory ledger that counts how often it is asked. */
function counted(clock: TestClock): { ledger: Ledger; asked: () => number } {
  const ledger = openMemoryLedger({ clock })
  let count = 0
  const admitted: Ledger['admit'] = (command) => {
    count += 1
    return ledger.admit(command)
  }
  return { ledger: { ...ledger, admit: admitted }, asked: () => count }
}

/** Gateways over one ledger, each with a plan of its own. */
function installation() {
  const clock = new TestClock()
  const { ledger, asked } = counted(clock)
  let count = 0
  return {
    clock,
    asked,
    async open(plan: { rates?: object[]; quotas?: object[] }) {
      const gateway = await openTestGateway({ plan: { ...plan }, clock, overrides: { ledger } })
      opened.push(gateway)
      const upload = async (query = '') => {
        count += 1
        const body = uploadBody({ key: `acme/alice/${count}` })
        const answer = await gateway.call('POST', `/v1/uploads${query}`, body)
        return { ...(await answer.json()), status: answer.status, headers: answer.headers }
      }
      const told = () => eventsIn(gateway.log, 'limits.shadow_refused').map(({ times }) => times)
      return { gateway, upload, told }
    },
  }
}

describe('a shadow rate', () => {
  const shadow = { rates: [{ ...RATE, shadow: true }, ROOMY] }

  it('refuses nothing, and says so where its limits are told', async () => {
    const { upload, told, gateway } = await installation().open(shadow)
    for (const [remaining, lines] of [
      [1, []],
      [0, []],
      [0, [1]],
      [0, [1]],
    ]) {
      const answer = await upload()
      expect(answer.status).toBe(201)
      expect(answer.limits[0]).toMatchObject({ policy: 'tried', shadow: true, remaining })
      expect(answer.limits[1]).not.toHaveProperty('shadow')
      expect(told()).toEqual(lines)
    }
    const notes = gateway.audited.map(({ shadowPolicies }) => shadowPolicies)
    expect(notes).toEqual([undefined, undefined, ['tried'], ['tried']])
    const metrics = await gateway.context.readMetrics?.()
    expect(metrics).toMatch(/signet_limits_shadow_refused_total\{policy="tried".*\} 2\b/)
  })

  it('has a line a minute in the log for each tenant and policy, with how often it was', async () => {
    const { open, clock } = installation()
    const { upload, told, gateway } = await open({ rates: [{ ...RATE, shadow: true, burst: 1 }] })
    for (let n = 0; n < 10; n += 1) await upload()
    expect(told()).toEqual([1])
    clock.advance(59_999)
    for (let n = 0; n < 5; n += 1) await upload()
    expect(told()).toEqual([1])
    clock.advance(1)
    await upload()
    const each = gateway.audited.filter(({ shadowPolicies }) => shadowPolicies !== undefined)
    expect(told()).toEqual([1, each.length - 1])
    expect(eventsIn(gateway.log, 'limits.shadow_refused')).toMatchObject([
      { tenant: 'acme', policy: 'tried' },
      { tenant: 'acme', policy: 'tried' },
    ])
  })

  it('is left out of RateLimit fields, of a refusal’s too', async () => {
    const { upload } = await installation().open(shadow)
    const { headers } = await upload()
    expect(headers.get('ratelimit')).toMatch(/^"roomy";r=999;t=\d+$/)
    expect(headers.get('ratelimit-policy')).toMatch(/^"roomy";[^,]*$/)
    const tight = { rates: shadow.rates, quotas: [{ ...QUOTA, limit: 500 }] }
    const refused = await (await installation().open(tight)).upload()
    expect(refused.status).toBe(403)
    expect(refused.headers.get('ratelimit')).not.toContain('tried')
  })

  it('is in no refusal beside a limit that is in force', async () => {
    const { upload, told } = await installation().open({ ...shadow, quotas: [QUOTA] })
    expect([(await upload()).status, (await upload()).status]).toEqual([201, 201])
    const { status, violations, code } = await upload()
    expect([status, code]).toEqual([429, 'QuotaExceeded'])
    expect(violations.map(({ policy }: { policy: string }) => policy)).toEqual(['bytes'])
    expect(told()).toEqual([])
  })

  it('shows in a dry run what it would have refused', async () => {
    const { upload, told } = await installation().open(shadow)
    expect(await upload('?dryRun=true')).toMatchObject({ allowed: true, shadowViolations: [] })
    await upload()
    await upload()
    expect(await upload('?dryRun=true')).toMatchObject({
      allowed: true,
      violations: [],
      shadowViolations: [{ policy: 'tried', requested: 1, retryAfterSeconds: 30 }],
    })
    expect(told()).toEqual([])
  })

  it('leaves no debt: switched off, it is as if it had been in force all along', async () => {
    const { open, clock } = installation()
    const { upload } = await open(shadow)
    for (let count = 0; count < 50; count += 1) expect((await upload()).status).toBe(201)
    const enforced = await open({ rates: [RATE, ROOMY] })
    const refused = await enforced.upload()
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '30'])
    clock.advance(30_000)
    expect((await enforced.upload()).status).toBe(201)
  })

  it('costs a second question to the ledger only where it would have refused', async () => {
    const { open, asked } = installation()
    const { upload } = await open(shadow)
    await upload()
    await upload()
    expect(asked()).toBe(2)
    await upload()
    expect(asked()).toBe(4)
  })

  it('is told for downloads, and is no limit while the ledger is away', async () => {
    const { open } = installation()
    const { gateway, told } = await open(shadow)
    const body = { bucket: 'media', key: 'acme/alice/cat.jpg' }
    const get = async ({ call }: TestGateway) => (await call('POST', '/v1/downloads', body)).status
    expect([await get(gateway), await get(gateway), await get(gateway)]).toEqual([200, 200, 200])
    expect(told()).toEqual([1])
    const ledger = { ...openMemoryLedger({ clock: new TestClock() }) }
    const away = await openTestGateway({ plan: shadow, overrides: { ledger } })
    opened.push(away)
    ledger.admit = () => Promise.reject(new GatewayError('LedgerUnavailable', 'Cannot: away'))
    expect([await get(away), await get(away), await get(away)]).toEqual([200, 200, 200])
  })

  it('judges as the same rate in force does, whatever comes', async () => {
    const steps = fc.array(
      fc.record({ waitMs: fc.nat(3_000), requests: fc.integer({ min: 1, max: 4 }) }),
      { minLength: 1, maxLength: 40 },
    )
    const property = fc.asyncProperty(steps, async (given) => {
      const shadowed = twin(RATES.map((one) => ({ ...one, shadow: true })))
      const alone = RATES.map((one) => twin([one]))
      for (const { waitMs, requests } of given) {
        const judged = await shadowed(waitMs, requests)
        const enforced = await Promise.all(alone.map((ask) => ask(waitMs, requests)))
        expect(judged.code).toBe('OK')
        expect(judged.policies).toEqual(
          RATES.filter((_, index) => enforced[index]?.code === 'DENIED').map(
            ({ policy }) => policy,
          ),
        )
      }
    })
    await fc.assert(property, { seed: SEED, numRuns: 100 })
  })
})

const RATES = [
  rate({ policy: 'a', requests: 3, windowSeconds: 2, burst: 4 }),
  rate({ policy: 'b', requests: 5, windowSeconds: 9, burst: 6 }),
]

/** One user with these rates, asked by `admit` alone. */
function twin(rates: RateLimit[]) {
  const clock = new TestClock()
  const limits = compiled({ rates })
  const account: Account = { tenant: 't', user: 'u', partition: 0, subjects: SUBJECTS, limits }
  const ledger = openMemoryLedger({ clock })
  const context = {
    ledger,
    capacity: createCapacity({
      ledger,
      state: openMemoryState(),
      hashing: nodeHashing,
      stopwatch: clock,
    }),
    ledgerTime: new LedgerTime(clock),
    log: { debug() {}, info() {}, warn() {}, error() {} },
    telemetry: undefined as never,
  }
  return async (waitMs: number, requests: number) => {
    clock.advance(waitMs)
    const demand = { ...NO_DEMAND, requests }
    const { reply, measured: asked } = await admit(context, account, demand, {
      commandOf: (command) => ({ ...command, op: 'C' }),
    })
    const levels = 'levels' in reply ? reply.levels : []
    const violations = shadowViolations(limits, asked, levels, clock.nowMs())
    return { code: reply.code, policies: violations.map(({ policy }) => policy) }
  }
}

describe('a shadow quota', () => {
  const shadow = { quotas: [{ ...QUOTA, shadow: true }] }

  it('counts on past its limit, and tells', async () => {
    const { open, asked } = installation()
    const { upload, told } = await open(shadow)
    const statuses: unknown[] = []
    for (let count = 0; count < 4; count += 1) statuses.push((await upload()).limits[0])
    expect(statuses).toMatchObject([
      { pending: 1_000, remaining: 1_000, shadow: true },
      { pending: 2_000, remaining: 0 },
      { pending: 3_000, remaining: 0 },
      { pending: 4_000, remaining: 0, limit: 2_000 },
    ])
    expect(told()).toEqual([1])
    expect(asked()).toBe(4)
    expect(await upload('?dryRun=true')).toMatchObject({
      allowed: true,
      violations: [],
      shadowViolations: [{ policy: 'bytes', limit: 2_000, pending: 4_000, requested: 1_000 }],
    })
  })

  it('refuses from the next decision on when it is switched off, until its window ends', async () => {
    const { open, clock } = installation()
    const { upload } = await open(shadow)
    for (let count = 0; count < 4; count += 1) await upload()
    const enforced = await open({ quotas: [QUOTA] })
    expect((await enforced.upload()).status).toBe(429)
    clock.advance(86_400_000)
    expect((await enforced.upload()).status).toBe(201)
  })

  it('condemns no late object', () => {
    const set = compiled({ quotas: [quota({ shadow: true }), quota({ policy: 'other' })] })
    expect(limitsNow(set, measured(set, { bytes: 1 }).hold)).toEqual([UNLIMITED, 1_000])
  })
})

describe('shadow in a plan', () => {
  it('is no member of limits that are in force', async () => {
    const { open } = installation()
    const { gateway } = await open({ rates: [{ ...RATE, shadow: false }], quotas: [QUOTA] })
    const plan = gateway.context.config.plans.get('test')
    expect(plan?.rates).toEqual([RATE])
    expect(plan?.quotas).toEqual([QUOTA])
  })
})
