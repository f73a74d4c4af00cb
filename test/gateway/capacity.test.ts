import { afterEach, describe, expect, it } from 'vitest'
import { storeUsage } from '../../src/gateway/store-usage.ts'
import { expectRefused } from '../support/expect-refused.ts'
import {
  openTestGateway,
  type TestGateway,
  type TestGatewayOptions,
  uploadBody,
} from '../support/test-gateway.ts'

let gateway: TestGateway
afterEach(() => gateway.close())

const FULL = { status: 507, code: 'InsufficientStorage' } as const

async function open(capacityBytes: number, options: TestGatewayOptions = {}) {
  gateway = await openTestGateway({ store: { capacityBytes }, ...options })
}

let made = 0
function ask(sizeBytes: number, { who = 'acme/alice', ...changes }: Record<string, unknown> = {}) {
  made += 1
  const key = `${who}/${made}`
  const body = uploadBody({ key, sizeBytes, ...changes })
  return gateway.call('POST', '/v1/uploads', body, { who: String(who) })
}

function askAll(...all: readonly Record<string, unknown>[]) {
  const items = all.map((each, at) => uploadBody({ key: `acme/alice/b${at}`, ...each }))
  return gateway.call('POST', '/v1/uploads/batch', { items })
}

async function tenantStored(who = 'acme/alice'): Promise<number> {
  const answer = await gateway.call('GET', '/v1/usage', undefined, { who })
  const { limits } = (await answer.json()) as { limits: { policy: string; pending: number }[] }
  return limits.find(({ policy }) => policy === 'tenant-stored')?.pending ?? -1
}

/** A second store behind a second bucket. */
const TWO = {
  buckets: {
    other: {
      placements: [{ store: 'second', bucket: 'second-b' }],
      keys: { callerPrefix: '{tenant}/{user}/' },
    },
  },
}
const second = (capacityBytes: number) => ({
  stores: { second: { capacityBytes } },
  ...TWO,
})

describe('what a store may hold', () => {
  it('507: takes its capacity to the byte, of all tenants together, and one byte is too much', async () => {
    await open(3_000)
    expect((await ask(1_000)).status).toBe(201)
    expect((await ask(1_000, { who: 'acme/bob' })).status).toBe(201)
    await expectRefused(await ask(1_001, { who: 'globex/carol' }), FULL)
    expect((await ask(1_000, { who: 'globex/carol' })).status).toBe(201)
    await expectRefused(await ask(1), FULL)
    expect(await storeUsage(gateway.context, 'main')).toEqual({ usedBytes: 0, pendingBytes: 3_000 })
  })

  it('507: tells no caller how much a store holds, and how much is left', async () => {
    await open(3_456)
    await ask(2_345)
    const refused = await ask(1_234)
    const text = await refused.text()
    expect(JSON.parse(text)).not.toHaveProperty('violations')
    expect(text).not.toMatch(/3456|2345|1111|main|capacity/)
    expect(refused.headers.get('retry-after')).toBe('60')
    const granted = await (await ask(1)).json()
    expect(granted.limits.map(({ policy }: { policy: string }) => policy)).toEqual([
      'user-requests',
      'user-bytes-day',
      'user-pending',
      'tenant-stored',
    ])
  })

  it('507: takes nothing at all: neither of the tenant nor of the store', async () => {
    await open(1_000)
    await ask(600)
    await expectRefused(await ask(401), FULL)
    expect(await tenantStored()).toBe(600)
    expect(await storeUsage(gateway.context, 'main')).toEqual({ usedBytes: 0, pendingBytes: 600 })
    expect((await ask(400)).status).toBe(201)
  })

  it('grants exactly what fits when many ask at once', async () => {
    await open(2_000)
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask(100)))
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(20)
    expect(answers.filter(({ status }) => status === 507)).toHaveLength(30)
  })

  it('507: a flood of refusals is one line of the log, and names the store there', async () => {
    await open(1)
    for (let n = 0; n < 20; n += 1) await expectRefused(await ask(2), FULL)
    const lines = gateway.log.filter((line) => line.includes('InsufficientStorage'))
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('"stores":"main"')
  })

  it('gives back what an aborted upload held', async () => {
    await open(1_000)
    const { id } = await (await ask(1_000)).json()
    await expectRefused(await ask(1), FULL)
    const { partition } = gateway.context.accounts.of('acme', 'alice')
    const found = await gateway.context.ledger.find({ partition, rid: id })
    if (found === undefined) throw new Error('the reservation is not there')
    await gateway.context.ledger.finish({ ...found, op: 'V' })
    expect((await ask(1_000)).status).toBe(201)
  })

  it('403: a quota that refuses as well is what is told, and not the store', async () => {
    const quotas = [{ policy: 'stored', per: 'tenant', unit: 'stored-bytes', limit: 500 }]
    await open(500, { plan: { rates: [], quotas } })
    const body = await expectRefused(await ask(501), { status: 403, code: 'QuotaExceeded' })
    expect(body.violations).toEqual([expect.objectContaining({ policy: 'stored' })])
  })

  it('429: a rate that refuses as well is what is told, with the time to wait', async () => {
    const rates = [{ policy: 'rate', per: 'user', requests: 1, windowSeconds: 10, burst: 1 }]
    await open(500, { plan: { rates, quotas: [] } })
    await ask(500)
    const refused = await ask(1)
    expect(refused.headers.get('retry-after')).toBe('10')
    await expectRefused(refused, { status: 429, code: 'SlowDown' })
  })

  it('201: goes to another store also where a limit that only counts would refuse', async () => {
    const rates = [{ policy: 'shadow', per: 'user', requests: 1, windowSeconds: 60, shadow: true }]
    const placements = ['main', 'second'].map((store) => ({ store, bucket: `${store}-b` }))
    await open(1_000, {
      stores: { second: {} },
      bucket: { placements },
      plan: { rates, quotas: [] },
    })
    for (let n = 0; n < 4; n += 1) expect((await ask(600)).status).toBe(201)
    expect(await storeUsage(gateway.context, 'main')).toEqual({ usedBytes: 0, pendingBytes: 600 })
  })

  it('507: a dry run is refused as the upload would be, and charges nothing', async () => {
    await open(1_000)
    const dry = (sizeBytes: number) =>
      gateway.call('POST', '/v1/uploads?dryRun=true', uploadBody({ sizeBytes }))
    await expectRefused(await dry(1_001), FULL)
    expect((await dry(1_000)).status).toBe(200)
    expect((await ask(1_000)).status).toBe(201)
  })

  it('counts nothing for a store without a bound, beside one that has one', async () => {
    await open(1_000, second(1_000))
    expect((await ask(1_000, { bucket: 'other' })).status).toBe(201)
    expect((await ask(1_000)).status).toBe(201)
    await expectRefused(await ask(1, { bucket: 'other' }), FULL)
  })
})

describe('batches over several stores', () => {
  it('201: each item counts at its own store alone', async () => {
    await open(300, second(200))
    const sizes = [{ sizeBytes: 100 }, { sizeBytes: 200, bucket: 'other' }, { sizeBytes: 200 }]
    expect((await askAll(...sizes)).status).toBe(201)
    const { context } = gateway
    expect(await storeUsage(context, 'main')).toEqual({ usedBytes: 0, pendingBytes: 300 })
    expect(await storeUsage(context, 'second')).toEqual({ usedBytes: 0, pendingBytes: 200 })
  })

  it('507: one store that has no room refuses all, and nothing is taken of the other', async () => {
    await open(300, second(199))
    const sizes = [{ sizeBytes: 100 }, { sizeBytes: 200, bucket: 'other' }]
    await expectRefused(await askAll(...sizes), FULL)
    const { context } = gateway
    expect(await storeUsage(context, 'main')).toEqual({ usedBytes: 0, pendingBytes: 0 })
    expect(await tenantStored()).toBe(0)
  })

  it('507: a batch that fits nowhere as a whole is told so, and no item of it is blamed', async () => {
    const placements = ['main', 'second'].map((store) => ({ store, bucket: `${store}-b` }))
    await open(500, { stores: { second: { capacityBytes: 500 } }, bucket: { placements } })
    const { detail } = await expectRefused(
      await askAll({ sizeBytes: 400 }, { sizeBytes: 400 }),
      FULL,
    )
    expect(detail).toMatch(/send fewer items/)
    expect(detail).not.toMatch(/items\.0/)
  })

  it('400: spreads over 16 stores with a bound, and not over 17', async () => {
    const names = Array.from({ length: 17 }, (_, n) => `s${n}`)
    const stores = Object.fromEntries(names.map((name) => [name, { capacityBytes: 100 }]))
    const keys = { callerPrefix: '{tenant}/{user}/' }
    const bucketOf = (store: string) => ({ placements: [{ store, bucket: store }], keys })
    const buckets = Object.fromEntries(names.map((name) => [`b-${name}`, bucketOf(name)]))
    await open(100, { stores, buckets })
    const items = names.map((name) => ({ bucket: `b-${name}`, sizeBytes: 10 }))
    await expectRefused(await askAll(...items), { status: 400, code: 'InvalidRequest' })
    expect((await askAll(...items.slice(1))).status).toBe(201)
  })

  it('ends of single items give back what they held at their own store', async () => {
    await open(300, second(300))
    const sizes = [{ sizeBytes: 300 }, { sizeBytes: 300, bucket: 'other' }]
    const { items } = await (await askAll(...sizes)).json()
    const { context } = gateway
    const { partition } = context.accounts.of('acme', 'alice')
    const found = await context.ledger.find({ partition, rid: items[1].id })
    if (found === undefined) throw new Error('the reservation is not there')
    const actual = { actualBytes: 250, storedDelta: 250, objectsDelta: 1 }
    expect(await context.ledger.finish({ ...found, op: 'S', ...actual })).toMatchObject({
      code: 'OK',
    })
    expect(await storeUsage(context, 'main')).toEqual({ usedBytes: 0, pendingBytes: 300 })
    expect(await storeUsage(context, 'second')).toEqual({ usedBytes: 250, pendingBytes: 0 })
  })
})
