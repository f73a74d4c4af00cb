import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { sweep } from '../../src/gateway/sweep.ts'
import { storeSettings, sweepAll } from '../gateway/gateway-on-store.ts'
import { sweepOver } from '../support/gateway-process.ts'
import { ledgerAtRest } from '../support/redis/ledger-at-rest.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'
import {
  openShiftedGateways,
  type ShiftedGateway,
  type ShiftedGateways,
} from '../support/redis/shifted-gateways.ts'
import { startStoreStub } from '../support/store-stub.ts'
import { createTestBucket, embeddedStore } from '../support/stores/stores-under-test.ts'
import { asTenant } from '../support/tenant-gateway.ts'
import { until } from '../support/until.ts'
import { uploadOf } from '../support/upload-load.ts'

const PARTITIONS = 256
const HOURS_MS = 7_200_000
/** A gateway is forgotten after 15 s, a lease after 30 s, the longest pause between looks is 10 min. */
const GONE_MS = 20_000
const LEASE_MS = 40_000
const LOOK_MS = 660_000
const TENANTS = Array.from({ length: 12 }, (_, index) => `tenant${index}`)
/** For a store whose each answer takes its time. */
const FEW_TENANTS = TENANTS.slice(0, 3)

async function onStore() {
  const store = embeddedStore()
  const bucket = await createTestBucket(store)
  return { store: storeSettings(store), bucket: { placements: [{ store: 'main', bucket }] } }
}

/** Two uploads a tenant, of which one arrives. Ids by what became of them. */
async function createUploads({ prepared }: ShiftedGateways, { call }: ShiftedGateway) {
  const ids = { arrived: [] as string[], lost: [] as string[] }
  for (const tenant of TENANTS) {
    for (const fate of ['arrived', 'lost'] as const) {
      const answer = await asTenant(call, prepared, tenant)('POST', '/v1/uploads', uploadOf(fate))
      const { id, request } = await answer.json()
      ids[fate].push(id)
      if (fate === 'lost') continue
      const put = await fetch(request.url, { method: 'PUT', headers: request.headers, body: 'x' })
      expect(put.status).toBe(200)
    }
  }
  return ids
}

/** Waits until all partitions are this gateway's: the others have not been heard of for long. */
async function untilAlone({ context, clock }: ShiftedGateway): Promise<void> {
  await until('it has all partitions', async () => {
    clock.advance(GONE_MS)
    return (await context.ledger.share()).length === PARTITIONS
  })
}

/** Each has ended once, in the ledger and in the audit log. */
async function expectEnded(
  { server, directory }: ShiftedGateways,
  { arrived, lost }: { readonly arrived: readonly string[]; readonly lost: readonly string[] },
): Promise<void> {
  const atRest = await ledgerAtRest(server)
  expect(atRest.drift).toEqual([])
  expect(new Set(atRest.ids('S'))).toEqual(new Set(arrived))
  expect(new Set(atRest.ids('X'))).toEqual(new Set(lost))
  expect(atRest.records.size).toBe(arrived.length + lost.length)
  const lines = (await readFile(join(directory, 'audit.jsonl'), 'utf8')).trim().split('\n')
  const events = lines.map((line) => JSON.parse(line) as { event: string; uploadId: string })
  const ends = events.filter(({ event }) => event !== 'upload.granted')
  expect(ends).toHaveLength(arrived.length + lost.length)
  expect(new Set(ends.map(({ uploadId }) => uploadId)).size).toBe(ends.length)
}

describeOnRedis('sweepers on one Redis', () => {
  it('R35 two in two processes: both have a share, and each reservation ends once', async () => {
    await using shifted = await openShiftedGateways(TENANTS, await onStore())
    const ids = await createUploads(shifted, await shifted.open())
    await shifted.setAhead(HOURS_MS)
    const sweepers = await Promise.all([shifted.start(), shifted.start()])
    const ended = [0, 0]
    await until('all have ended', async () => {
      await Promise.all(
        sweepers.map(async ({ adminUrl }, index) => {
          const result = (await (await sweepOver(adminUrl)).json()) as { ended: number }
          ended[index] = (ended[index] ?? 0) + result.ended
        }),
      )
      return (await ledgerAtRest(shifted.server)).ids('P').length === 0
    })
    expect((ended[0] ?? 0) + (ended[1] ?? 0)).toBe(2 * TENANTS.length)
    expect(Math.min(...ended)).toBeGreaterThan(0)
    await expectEnded(shifted, ids)
  })

  it('R35 one dies holding a lease: the other waits for its end, and ends the rest once', async () => {
    await using shifted = await openShiftedGateways(TENANTS, await onStore())
    const ids = await createUploads(shifted, await shifted.open())
    await shifted.setAhead(HOURS_MS)
    const mortal = await shifted.start('after claim')
    await expect(sweepOver(mortal.adminUrl)).rejects.toThrow()
    await mortal.ended
    const other = await shifted.open()
    await untilAlone(other)
    const held = 2 * TENANTS.length - (await sweep(other.context)).claimed
    expect(held).toBeGreaterThan(0)
    expect((await ledgerAtRest(shifted.server)).ids('P')).toHaveLength(held)
    await shifted.setAhead(HOURS_MS + LEASE_MS)
    expect(await sweepAll(other.context)).toBe(held)
    await expectEnded(shifted, ids)
  })

  it('R35 a gateway that leaves gives up its share at once, one that dies after a while', async () => {
    await using shifted = await openShiftedGateways([], {})
    const [one, two] = [await shifted.open(), await shifted.open()]
    const shares = async () => [await one.context.ledger.share(), await two.context.ledger.share()]
    await shares()
    const [first = [], second = []] = await shares()
    expect(new Set([...first, ...second]).size).toBe(PARTITIONS)
    expect(first.length + second.length).toBe(PARTITIONS)
    await two.context.ledger.close()
    expect(await one.context.ledger.share()).toHaveLength(PARTITIONS)

    const mortal = await shifted.start()
    expect((await sweepOver(mortal.adminUrl)).status).toBe(200)
    const left = await one.context.ledger.share()
    expect(left.length).toBeLessThan(PARTITIONS)
    mortal.kill('SIGKILL')
    await mortal.ended
    expect(await one.context.ledger.share()).toEqual(left)
    await untilAlone(one)
  })

  it('R35 a store that errs or hangs releases nothing, nor does a 404 while the URL may be used', async () => {
    await using stub = await startStoreStub(503)
    await using shifted = await openShiftedGateways(FEW_TENANTS, {
      store: { endpoint: stub.url, maxTransferSeconds: 60, timeoutMs: 500 },
    })
    let storeNowMs: number | undefined
    const gateway = await shifted.open(() => storeNowMs)
    for (const tenant of FEW_TENANTS) {
      const call = asTenant(gateway.call, shifted.prepared, tenant)
      expect((await call('POST', '/v1/uploads', uploadOf('file'))).status).toBe(201)
    }
    const expectHeld = async () => {
      const { drift, ids } = await ledgerAtRest(shifted.server)
      expect({ drift, pending: ids('P').length }).toEqual({
        drift: [],
        pending: FEW_TENANTS.length,
      })
    }
    await shifted.setAhead(HOURS_MS)
    for (const status of [500, 503, 403, 429, 400, 200, 'blackhole'] as const) {
      stub.answer(status)
      // By the store's clock all is over: only what it says keeps the reservations.
      storeNowMs = Date.now() + shifted.aheadMs
      const { claimed } = await sweep(gateway.context)
      expect({ status, claimed }).toEqual({ status, claimed: FEW_TENANTS.length })
      await expectHeld()
      await shifted.setAhead(shifted.aheadMs + LOOK_MS)
    }
    // The store's own clock says that the last byte may still be on its way.
    stub.answer(404)
    storeNowMs = undefined
    await sweepAll(gateway.context)
    await expectHeld()
    storeNowMs = Date.now() + shifted.aheadMs
    await shifted.setAhead(shifted.aheadMs + LOOK_MS)
    expect(await sweepAll(gateway.context)).toBe(FEW_TENANTS.length)
    const { drift, ids } = await ledgerAtRest(shifted.server)
    expect({ drift, expired: ids('X').length }).toEqual({ drift: [], expired: FEW_TENANTS.length })
  })
})
