import { afterEach, describe, expect, it } from 'vitest'
import { expectRefused } from '../support/expect-refused.ts'
import { startStoreStub } from '../support/store-stub.ts'
import { embeddedStore, realStores } from '../support/stores/stores-under-test.ts'
import {
  AFTER_URL_MS,
  type GatewayOnStore,
  GRANT_MS,
  gatewayOnStore,
  storeSettings,
  ticketOf,
  UNTIL_RELEASED_MS,
} from './gateway-on-store.ts'

describe.each(realStores())('settling on $kind', (store) => {
  let gateway: GatewayOnStore
  afterEach(() => gateway.close())
  const open = async (options: Parameters<typeof gatewayOnStore>[1] = {}) => {
    gateway = await gatewayOnStore(store, options)
  }

  it('200: complete tells the real size and ETag, charges them once, and repeats itself', async () => {
    await open()
    const upload = await gateway.create()
    expect(await gateway.put(upload)).toBe(200)
    const first = await gateway.complete(upload.id)
    expect(first.status).toBe(200)
    const completed = await first.json()
    expect(completed).toMatchObject({ id: upload.id, status: 'completed', sizeBytes: 1_000 })
    expect(completed.etag).toMatch(/^"[0-9a-f]{32}"$/)
    expect(JSON.stringify(completed)).not.toContain('X-Amz')
    gateway.clock.advance(5_000)
    const again = await Promise.all([1, 2, 3].map(() => gateway.complete(upload.id)))
    for (const answer of again) expect(await answer.json()).toEqual(completed)
    expect(await gateway.usage()).toMatchObject({
      'user-bytes-day': { used: 1_000, pending: 0 },
      'tenant-stored': { used: 1_000, pending: 0 },
      'user-pending': { used: 0, pending: 0 },
    })
    const settled = gateway.audited.filter(({ event }) => event === 'upload.settled')
    expect(settled).toHaveLength(1)
  })

  it('200: completes in parallel are one settlement with one answer', async () => {
    // Each look at the store ends at another moment: the answer must be that of the first.
    await open({
      onClient: (client) => ({
        ...client,
        async head(place, versionId) {
          const head = await client.head(place, versionId)
          gateway.clock.advance(1_000)
          return head
        },
      }),
    })
    const upload = await gateway.create()
    await gateway.put(upload)
    const answers = await Promise.all(
      Array.from({ length: 8 }, async () => (await gateway.complete(upload.id)).text()),
    )
    expect(new Set(answers).size).toBe(1)
    expect((await gateway.usage())['tenant-stored']).toEqual({ used: 1_000, pending: 0 })
  })

  it('409: complete before the object is there, and it stays pending', async () => {
    await open()
    const upload = await gateway.create()
    await expectRefused(await gateway.complete(upload.id), {
      status: 409,
      code: 'UploadIncomplete',
    })
    // Somebody else's object at the same key is not this upload.
    await gateway.putDirectly(upload.key, 1_000)
    await expectRefused(await gateway.complete(upload.id), {
      status: 409,
      code: 'UploadIncomplete',
    })
    expect(await gateway.status(upload.id)).toBe('pending')
    expect((await gateway.usage())['tenant-stored']).toEqual({ used: 0, pending: 1_000 })
  })

  it('409: larger than reserved is recorded as it is where the bucket keeps it', async () => {
    await open()
    const upload = await gateway.create()
    await gateway.putDirectly(upload.key, 1_001, ticketOf(upload))
    for (const _ of [1, 2]) {
      await expectRefused(await gateway.complete(upload.id), {
        status: 409,
        code: 'UploadRejected',
      })
    }
    expect(await gateway.status(upload.id)).toBe('rejected')
    expect(await gateway.sizeAtStore(upload.key)).toBe(1_001)
    expect((await gateway.usage())['tenant-stored']).toEqual({ used: 1_001, pending: 0 })
  })

  it('409: larger than reserved is removed and costs nothing where the bucket says so', async () => {
    await open({ bucket: { upload: { oversized: 'delete' } } })
    const upload = await gateway.create()
    await gateway.putDirectly(upload.key, 1_001, ticketOf(upload))
    for (const _ of [1, 2]) {
      await expectRefused(await gateway.complete(upload.id), {
        status: 409,
        code: 'UploadRejected',
      })
    }
    expect(await gateway.status(upload.id)).toBe('rejected')
    expect(await gateway.sizeAtStore(upload.key)).toBeUndefined()
    // Its URL may bring another: what it may take stays reserved, and what it brings is removed as well.
    await gateway.putDirectly(upload.key, 1_000, ticketOf(upload))
    expect((await gateway.usage())['tenant-stored']).toEqual({ used: 0, pending: 1_000 })
    gateway.clock.advance(UNTIL_RELEASED_MS)
    await gateway.sweepAll()
    expect(await gateway.status(upload.id)).toBe('rejected')
    expect(await gateway.sizeAtStore(upload.key)).toBeUndefined()
    expect((await gateway.usage())['tenant-stored']).toEqual({ used: 0, pending: 0 })
  })

  it('409: larger than reserved and late as well is still recorded, never untracked', async () => {
    await open()
    const upload = await gateway.create()
    gateway.clock.advance(UNTIL_RELEASED_MS)
    await gateway.sweepAll()
    gateway.clock.advance(UNTIL_RELEASED_MS)
    await gateway.sweepAll()
    expect(await gateway.status(upload.id)).toBe('expired')
    await gateway.putDirectly(upload.key, 1_001, ticketOf(upload))
    await expectRefused(await gateway.complete(upload.id), { status: 409, code: 'UploadRejected' })
    expect((await gateway.usage())['tenant-stored']).toEqual({ used: 1_001, pending: 0 })
  })

  it('the sweeper settles what nobody completed, once its URL is dead', async () => {
    await open()
    const upload = await gateway.create()
    await gateway.put(upload)
    gateway.clock.advance(GRANT_MS - 1_000)
    expect(await gateway.sweepAll()).toBe(0)
    expect(await gateway.status(upload.id)).toBe('pending')
    gateway.clock.advance(7_000)
    expect(await gateway.sweepAll()).toBe(1)
    expect(await gateway.status(upload.id)).toBe('completed')
    expect((await gateway.usage())['tenant-stored']).toEqual({ used: 1_000, pending: 0 })
  })

  it('the sweeper releases what never came only after exp, and not a millisecond before', async () => {
    await open()
    const upload = await gateway.create()
    gateway.clock.advance(GRANT_MS + 6_000)
    expect(await gateway.sweepAll()).toBe(0)
    gateway.clock.advance(AFTER_URL_MS - 6_000 - 1_000)
    expect(await gateway.sweepAll()).toBe(0)
    expect((await gateway.usage())['user-pending']).toEqual({ used: 0, pending: 1 })
    gateway.clock.advance(7_000)
    expect(await gateway.sweepAll()).toBe(1)
    expect(await gateway.status(upload.id)).toBe('expired')
    expect((await gateway.usage())['user-pending']).toEqual({ used: 0, pending: 0 })
  })

  it('nothing is released while the store’s own Date lags behind the last possible byte', async () => {
    let lagMs = 2 * AFTER_URL_MS
    await open({
      onClient: (client) => ({
        ...client,
        async head(place, versionId) {
          const head = await client.head(place, versionId)
          return { ...head, storeNowMs: (head.storeNowMs ?? 0) - lagMs }
        },
      }),
    })
    const upload = await gateway.create()
    gateway.clock.advance(UNTIL_RELEASED_MS)
    expect(await gateway.sweepAll()).toBe(0)
    expect(await gateway.status(upload.id)).toBe('pending')
    lagMs = 0
    gateway.clock.advance(UNTIL_RELEASED_MS)
    expect(await gateway.sweepAll()).toBe(1)
    expect(await gateway.status(upload.id)).toBe('expired')
  })
})

describe('settling while the store is away', () => {
  it('503: complete can be repeated, and the sweeper backs off without a release', async () => {
    const embedded = embeddedStore()
    await using stub = await startStoreStub(503)
    let duringLook = async () => {}
    const gateway = await gatewayOnStore(embedded, {
      store: { ...storeSettings(embedded), endpoint: stub.url },
      onClient: (client) => ({
        ...client,
        async head(place, versionId) {
          await duringLook()
          return client.head(place, versionId)
        },
      }),
    })
    const upload = await gateway.create()
    await expectRefused(await gateway.complete(upload.id), {
      status: 503,
      code: 'StoreUnavailable',
    })
    gateway.clock.advance(UNTIL_RELEASED_MS)
    const before = stub.requests()
    for (const waitMs of [30_000, 60_000, 120_000]) {
      expect(await gateway.sweepAll()).toBe(0)
      gateway.clock.advance(waitMs - 1_000)
      expect(await gateway.sweepAll()).toBe(0)
      gateway.clock.advance(1_000)
    }
    // One look each: the second sweep of every round came before the back-off was over.
    expect(stub.requests() - before).toBe(3)
    expect(await gateway.status(upload.id)).toBe('pending')
    // An abort during a look that fails is not undone by the back-off.
    duringLook = async () => {
      const aborted = await gateway.call('DELETE', `/v1/uploads/${upload.id}`)
      expect(aborted.status).toBe(204)
    }
    await gateway.sweepAll()
    duringLook = async () => {}
    expect(await gateway.status(upload.id)).toBe('aborted')
    stub.answer(404)
    gateway.clock.advance(600_000)
    expect(await gateway.sweepAll()).toBe(1)
    expect(await gateway.status(upload.id)).toBe('aborted')
    expect((await gateway.usage())['user-pending']).toEqual({ used: 0, pending: 0 })
    await gateway.close()
  })
})
