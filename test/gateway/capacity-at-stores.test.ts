import { afterEach, describe, expect, it } from 'vitest'
import { storeUsage } from '../../src/gateway/store-usage.ts'
import { ObjectKey } from '../../src/object-key.ts'
import { callAdmin } from '../support/admin-call.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { realStores } from '../support/stores/stores-under-test.ts'
import {
  type GatewayOnStore,
  gatewayOnStore,
  ticketOf,
  UNTIL_RELEASED_MS,
} from './gateway-on-store.ts'
import { reconcileAll, totalsIn } from './reconcile-fixture.ts'

const DAY_MS = 86_400_000
const FULL = { status: 507, code: 'InsufficientStorage' } as const

describe.each(realStores())('the capacity of $kind', (store) => {
  let gateway: GatewayOnStore
  afterEach(() => gateway.close())
  const open = async (capacityBytes: number) => {
    gateway = await gatewayOnStore(store, { store: { capacityBytes } })
  }
  const keyOf = (n: number) => `acme/alice/${n}`
  const ask = (n: number, sizeBytes = 1_000) =>
    gateway.call('POST', '/v1/uploads', {
      ...{ bucket: 'media', key: keyOf(n), sizeBytes, contentType: 'image/jpeg' },
    })
  const usage = () => storeUsage(gateway.context, 'main')
  async function upload(n: number, sizeBytes = 1_000) {
    const upload = await gateway.create({ key: keyOf(n), sizeBytes })
    expect(await gateway.put(upload, sizeBytes)).toBe(200)
    expect((await gateway.complete(upload.id)).status).toBe(200)
    return upload
  }

  it('holds: no more lies there than it says, and what is deleted makes room again', async () => {
    await open(5_000)
    const answers = await Promise.all(Array.from({ length: 12 }, (_, n) => ask(n)))
    const granted = answers.filter(({ status }) => status === 201)
    expect(granted).toHaveLength(5)
    expect(answers.filter(({ status }) => status === 507)).toHaveLength(7)
    const uploads = await Promise.all(granted.map((answer) => answer.json()))
    for (const each of uploads) {
      expect(await gateway.put(each)).toBe(200)
      expect((await gateway.complete(each.id)).status).toBe(200)
    }
    const sizes = await Promise.all(uploads.map(({ key }) => gateway.sizeAtStore(key)))
    expect(sizes.reduce((sum, size) => Number(sum) + Number(size), 0)).toBe(5_000)
    expect(await usage()).toEqual({ usedBytes: 5_000, pendingBytes: 0 })
    await expectRefused(await ask(100, 1), FULL)
    const [first] = uploads
    const gone = await gateway.call('DELETE', `/v1/objects/media/${first.key}`)
    expect(gone.status).toBe(204)
    // The link could bring the object back until it is dead: only then is there room.
    await expectRefused(await ask(101, 1), FULL)
    gateway.clock.advance(UNTIL_RELEASED_MS)
    await gateway.sweepAll()
    expect(await usage()).toEqual({ usedBytes: 4_000, pendingBytes: 0 })
    expect((await ask(102)).status).toBe(201)
  })

  it('a late object that finds it full is removed', async () => {
    await open(1_000)
    const late = await gateway.create({ key: keyOf(1) })
    gateway.clock.advance(UNTIL_RELEASED_MS)
    await gateway.sweepAll()
    await upload(2)
    await gateway.putDirectly(keyOf(1), 1_000, ticketOf(late))
    await gateway.complete(late.id)
    expect(await gateway.sizeAtStore(keyOf(1))).toBeUndefined()
    expect(await usage()).toEqual({ usedBytes: 1_000, pendingBytes: 0 })
  })

  it('a late object that finds room is kept and counted', async () => {
    await open(2_000)
    const late = await gateway.create({ key: keyOf(1) })
    gateway.clock.advance(UNTIL_RELEASED_MS)
    await gateway.sweepAll()
    await upload(2)
    await gateway.putDirectly(keyOf(1), 1_000, ticketOf(late))
    await gateway.complete(late.id)
    expect(await gateway.sizeAtStore(keyOf(1))).toBe(1_000)
    expect(await usage()).toEqual({ usedBytes: 2_000, pendingBytes: 0 })
  })

  it('is reconciled: what went past Signet is taken off it, once and by name', async () => {
    await open(2_000)
    const { key } = await upload(1)
    await upload(2)
    gateway.clock.advance(3 * DAY_MS)
    await gateway.sweepAll()
    await removeDirectly(key)
    const run = await reconcileAll(gateway, { repair: true })
    expect(totalsIn(run)).toContainEqual(
      expect.objectContaining({
        ...{ store: 'main', policy: 'store-capacity', action: 'adjusted' },
        ...{ posted: 2_000, found: 1_000 },
      }),
    )
    expect(await usage()).toEqual({ usedBytes: 1_000, pendingBytes: 0 })
    expect(totalsIn(await reconcileAll(gateway, { repair: true }))).toEqual([])
    const adjusted = gateway.audited.filter(({ event }) => event === 'usage.adjusted')
    expect(adjusted).toContainEqual(expect.objectContaining({ store: 'main', delta: -1_000 }))
    expect(adjusted.find((event) => event.store === 'main')).not.toHaveProperty('tenant')
  })

  it.each(['an upload', 'a deletion'])('is busy for a reconciliation beside %s', async (what) => {
    await open(3_000)
    const { key } = await upload(1)
    const other = await upload(2, 500)
    gateway.clock.advance(3 * DAY_MS)
    await gateway.sweepAll()
    await removeDirectly(key)
    const run = await reconcileAll(gateway, { repair: true, limit: 1 }, async () => {
      if (what === 'an upload') await upload(3)
      else await gateway.call('DELETE', `/v1/objects/media/${other.key}`)
    })
    const found = totalsIn(run).filter(({ store: name }) => name === 'main')
    expect(found.map(({ action }) => action)).toEqual(['busy'])
  })

  it('is shown to operators with what it holds and what it waits for', async () => {
    await open(5_000)
    await upload(1)
    await ask(2, 300)
    const answer = await callAdmin(gateway, 'GET', 'stores')
    const { stores } = await answer.json()
    expect(stores[0].room).toEqual({ capacityBytes: 5_000, usedBytes: 1_000, pendingBytes: 300 })
  })

  async function removeDirectly(key: string): Promise<void> {
    const placement = gateway.context.config.buckets.get('media')?.placements[0]
    if (placement === undefined) throw new Error('there is no placement')
    await gateway.context.storeClient.remove({ placement, key: ObjectKey.parse(key) })
  }
})
