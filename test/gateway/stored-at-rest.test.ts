import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/errors.ts'
import type { LedgerReport } from '../../src/gateway/ledger-report.ts'
import { ObjectKey } from '../../src/object-key.ts'
import { postAdmin } from '../support/admin-call.ts'
import { realStores } from '../support/stores/stores-under-test.ts'
import { type GatewayOnStore, gatewayOnStore, UNTIL_RELEASED_MS } from './gateway-on-store.ts'

const ALLOW = { 'acme/alice': [{ operations: ['upload', 'delete', 'overwrite'] }] }
const PLAN = {
  rates: [],
  quotas: [
    { policy: 'user-stored', per: 'user', unit: 'stored-bytes', limit: 2 ** 40 },
    { policy: 'tenant-stored', per: 'tenant', unit: 'stored-bytes', limit: 2 ** 40 },
    { policy: 'tenant-objects', per: 'tenant', unit: 'stored-objects', limit: 1_000 },
    { policy: 'user-pending', per: 'user', unit: 'pending-uploads', limit: 100 },
  ],
}

describe.each(realStores())('stored totals and what lies on $kind', (store) => {
  let gateway: GatewayOnStore
  beforeEach(async () => {
    gateway = await gatewayOnStore(store, { plan: PLAN, allow: ALLOW })
  })
  afterEach(() => gateway.close())

  async function audit(): Promise<LedgerReport> {
    const answer = await postAdmin(gateway, '/admin/v1/ledger/audit', { stored: true })
    expect(answer.status).toBe(200)
    return (await answer.json()) as LedgerReport
  }
  async function uploaded(key: string, sizeBytes = 1_000): Promise<void> {
    const upload = await gateway.create({ key: `acme/alice/${key}`, sizeBytes })
    expect(await gateway.put(upload, sizeBytes)).toBe(200)
    expect((await gateway.complete(upload.id)).status).toBe(200)
  }
  const remove = (key: string) => gateway.call('DELETE', `/v1/objects/media/acme/alice/${key}`)

  it('agree at rest, and while uploads and deletions wait for their end', async () => {
    await uploaded('a', 1_000)
    await uploaded('b', 30)
    expect(await audit()).toMatchObject({ clean: true, found: { stored: 0 } })
    // Arrived and not settled: neither counted nor charged.
    const open = await gateway.create({ key: 'acme/alice/c', sizeBytes: 500 })
    await gateway.put(open, 500)
    expect(await audit()).toMatchObject({ clean: true })
    // Deleted while its URL lives: charged until the credit is posted.
    expect((await remove('a')).status).toBe(204)
    expect(await audit()).toMatchObject({ clean: true })
    gateway.clock.advance(UNTIL_RELEASED_MS)
    await gateway.sweepAll()
    expect(await audit()).toMatchObject({ clean: true, found: { stored: 0 } })
    expect((await gateway.usage())['tenant-stored']).toEqual({ used: 530, pending: 0 })
  })

  it('agree when a deletion was recorded and the object never went', async () => {
    await uploaded('a', 1_000)
    const { storeClient } = gateway.context
    const away = new GatewayError('StoreUnavailable', 'Cannot delete: the store is away')
    Object.assign(gateway.context, {
      storeClient: { ...storeClient, remove: () => Promise.reject(away) },
    })
    expect((await remove('a')).status).toBe(503)
    expect(await audit()).toMatchObject({ clean: true, counts: { pending: 1 } })
  })

  it('differ by what was deleted past the gateway, and an adjustment puts it right', async () => {
    await uploaded('a', 1_000)
    await uploaded('b', 30)
    await gateway.putDirectly('acme/alice/stranger', 77)
    await removeDirectly('acme/alice/a')
    const report = await audit()
    expect(report).toMatchObject({ clean: false, found: { drifts: 0, index: 0, stored: 3 } })
    const { stored = [] } = report
    const byPolicy = Object.fromEntries(
      stored.map(({ policy, tenant, user, posted, found }) => [
        policy,
        { tenant, user, posted, found },
      ]),
    )
    expect(byPolicy).toEqual({
      'user-stored': { tenant: 'acme', user: 'alice', posted: 1_030, found: 30 },
      'tenant-stored': { tenant: 'acme', user: undefined, posted: 1_030, found: 30 },
      'tenant-objects': { tenant: 'acme', user: undefined, posted: 2, found: 1 },
    })
    for (const [n, { tenant, user, policy, posted, found }] of stored.entries()) {
      const body = { id: `fix-${n}`, tenant, user, policy, delta: found - posted, reason: 'audit' }
      expect((await postAdmin(gateway, '/admin/v1/adjustments', body)).status).toBe(201)
    }
    expect(await audit()).toMatchObject({ clean: true, found: { stored: 0 } })
  })

  it('agree after an overwrite, settled or not', async () => {
    await uploaded('a', 1_000)
    gateway.clock.advance(UNTIL_RELEASED_MS)
    const second = await gateway.create({ key: 'acme/alice/a', sizeBytes: 40, overwrite: true })
    await gateway.put(second, 40)
    expect(await audit()).toMatchObject({ clean: true })
    expect((await gateway.complete(second.id)).status).toBe(200)
    expect(await audit()).toMatchObject({ clean: true })
    expect((await gateway.usage())['tenant-stored']).toEqual({ used: 40, pending: 0 })
  })

  async function removeDirectly(key: string): Promise<void> {
    const [bucket] = [...gateway.context.config.buckets.values()]
    const placement = bucket?.placements[0] ?? expect.unreachable()
    await gateway.context.storeClient.remove({ placement, key: ObjectKey.parse(key) })
  }
})
