import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ObjectKey } from '../../src/object-key.ts'
import { realStores } from '../support/stores/stores-under-test.ts'
import {
  type GatewayOnStore,
  gatewayOnStore,
  ticketOf,
  UNTIL_RELEASED_MS,
} from './gateway-on-store.ts'
import { reconcileAll, totalsIn } from './reconcile-fixture.ts'

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
/** Past the end of every URL, and of what counts as recent. */
const QUIET_MS = UNTIL_RELEASED_MS + 600_000

describe.each(realStores())('reconciling with $kind', (store) => {
  let gateway: GatewayOnStore
  beforeEach(async () => {
    gateway = await gatewayOnStore(store, { plan: PLAN, allow: ALLOW })
  })
  afterEach(() => gateway.close())

  async function arrived(key: string, sizeBytes = 1_000) {
    const upload = await gateway.create({ key: `acme/alice/${key}`, sizeBytes })
    expect(await gateway.put(upload, sizeBytes)).toBe(200)
    return upload
  }
  async function uploaded(key: string, sizeBytes = 1_000) {
    const upload = await arrived(key, sizeBytes)
    expect((await gateway.complete(upload.id)).status).toBe(200)
    return upload
  }
  async function removeDirectly(key: string): Promise<void> {
    const [bucket] = [...gateway.context.config.buckets.values()]
    const placement = bucket?.placements[0] ?? expect.unreachable()
    await gateway.context.storeClient.remove({
      placement,
      key: ObjectKey.parse(`acme/alice/${key}`),
    })
  }
  const totals = async () => {
    const usage = await gateway.usage()
    return [usage['user-stored'], usage['tenant-stored'], usage['tenant-objects']].map(
      (each) => each?.used,
    )
  }

  it('finds all that is wrong and changes nothing, until it is told to put it right', async () => {
    await uploaded('kept', 100)
    await uploaded('gone-1', 1_000)
    const copied = await uploaded('gone-2', 30)
    gateway.clock.advance(QUIET_MS)
    await gateway.sweepAll()
    await removeDirectly('gone-1')
    await removeDirectly('gone-2')
    await gateway.putDirectly('acme/alice/stranger', 77)
    await gateway.putDirectly('.signet-probe/left', 5)
    await gateway.putDirectly('acme/alice/copied', 9, ticketOf(copied))
    await arrived('waiting', 500)
    const seen = await reconcileAll(gateway, { limit: 3 })
    expect(seen.last).toMatchObject({ done: true, clean: false, repair: false })
    const counts = {
      objects: 4,
      counted: 1,
      foreign: 1,
      forged: 1,
      unsettled: 1,
      gone: 2,
      total: 3,
    }
    expect(seen.last.counts).toMatchObject({ ...counts, repaired: 0, open: 7 })
    expect(await totals()).toEqual([1_130, 1_130, 3])
    const told = seen.findings.find(({ kind }) => kind === 'unsettled')
    expect(told).toMatchObject({ key: 'acme/alice/waiting', sizeBytes: 500, action: 'open' })

    const mended = await reconcileAll(gateway, { repair: true, limit: 3 })
    expect(mended.last.counts).toMatchObject({ ...counts, counted: 2, repaired: 6, open: 1 })
    const adjusted = totalsIn(mended).filter(({ action }) => action === 'adjusted')
    expect(adjusted.map(({ policy, posted, found }) => [policy, posted, found]).sort()).toEqual([
      ['tenant-objects', 4, 2],
      ['tenant-stored', 1_630, 600],
      ['user-stored', 1_630, 600],
    ])
    expect(await totals()).toEqual([600, 600, 2])
    const again = await reconcileAll(gateway, { repair: true })
    expect(again.findings).toMatchObject([{ kind: 'forged', action: 'open' }])
    expect(gateway.audited.filter(({ event }) => event === 'ledger.reconciled')).toHaveLength(3)
  })
})
