import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { probeStore } from '../../src/gateway/probe/store.ts'
import type { ProbeReport } from '../../src/stores/probe-report.ts'
import { realStores, storeClient } from '../support/stores/stores-under-test.ts'
import { openTestGateway } from '../support/test-gateway.ts'
import { gatewayOn } from './probe-fixture.ts'
import { CEPH, EMBEDDED, PROBE_TABLES, SWIFT, tableOf } from './probe-tables.ts'

describe.each(realStores())('the probe on $kind', (store) => {
  let probed: Awaited<ReturnType<typeof gatewayOn>>
  let report: ProbeReport

  beforeAll(async () => {
    probed = await gatewayOn(store)
    report = await probed.report()
  })

  afterAll(() => probed[Symbol.asyncDispose]())

  it('sees all that the store keeps, and what it only seems to keep', () => {
    expect(tableOf(report)).toEqual(PROBE_TABLES[store.kind])
  })

  it('tells what it did: within its bounds, with a clock like ours, and no URL', () => {
    const { requests, bytes, complete, clockOffsetSeconds, findings } = report
    expect([complete, requests < 400, bytes < 100_000]).toEqual([true, true, true])
    expect(clockOffsetSeconds).toBeGreaterThanOrEqual(-1)
    expect(clockOffsetSeconds).toBeLessThan(60)
    const steps = new Set(findings.map(({ step }) => step))
    // 25 and 26 are for stores that pages upload to, and for credentials of a session.
    const expected = Array.from({ length: 27 }, (_, index) => index + 1)
    expect(expected.filter((step) => !steps.has(step))).toEqual([25, 26])
    expect(findings.every(({ seen }) => seen !== '')).toBe(true)
    expect(JSON.stringify(report)).not.toMatch(/X-Amz-|https?:\/\//)
  })

  it('leaves nothing behind', async () => {
    expect(report.leftovers).toEqual([])
    for (const query of ['list-type=2', 'uploads', 'versions']) {
      const bucket = `${store.endpoint}/${report.bucket}`
      const left = await storeClient(store).fetch(`${bucket}?${query}`)
      expect(await left.text()).not.toContain('<Key>')
    }
  })
})

describe('the tables of the three stores', () => {
  it('differ in five flags at least, each from each', () => {
    const flags = (table: typeof CEPH): Record<string, unknown> => ({
      ...table.capabilities,
      ...table.traits,
    })
    for (const [one, other] of [
      [CEPH, SWIFT],
      [CEPH, EMBEDDED],
      [SWIFT, EMBEDDED],
    ] as const) {
      const [left, right] = [flags(one), flags(other)]
      const names = Object.keys(left).filter(
        (name) => JSON.stringify(left[name]) !== JSON.stringify(right[name]),
      )
      expect(names.length).toBeGreaterThanOrEqual(5)
    }
  })
})

describe('the probe', () => {
  it('says nothing about a store that does not answer', async () => {
    const gateway = await openTestGateway({ store: { capabilities: {} } })
    const [placement] = [...gateway.context.config.buckets.values()].map(
      ({ placements }) => placements[0],
    )
    if (placement === undefined) throw new Error('no placement')
    await expect(probeStore(gateway.context, fetch, placement)).rejects.toMatchObject({
      code: 'StoreUnavailable',
    })
    await gateway.close()
  })
})
