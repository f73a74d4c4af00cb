import { afterEach, describe, expect, it } from 'vitest'
import type { StoreClient } from '../../src/stores/store-client.ts'
import { embeddedStore } from '../support/stores/stores-under-test.ts'
import { type GatewayOnStore, gatewayOnStore, UNTIL_RELEASED_MS } from './gateway-on-store.ts'

const KEY = 'acme/alice/doc'

describe('an object that is removed because something was added to it', () => {
  let gateway: GatewayOnStore
  afterEach(() => gateway.close())

  /** A store that takes headers that nobody signed, and a bucket that removes what has some. */
  async function open(onClient: (client: StoreClient) => StoreClient): Promise<void> {
    gateway = await gatewayOnStore(embeddedStore(), {
      store: {
        capabilities: {
          unsignedHeaders: 'accept',
          unsignedCopySource: 'closed',
          fixedHeaders: {},
        },
      },
      bucket: { upload: { altered: 'delete' } },
      onClient,
    })
  }

  async function untilAllIsOver(): Promise<void> {
    for (let times = 0; times < 3; times += 1) {
      gateway.clock.advance(UNTIL_RELEASED_MS + 600_000)
      await gateway.sweepAll()
    }
  }

  it('409: stays and is charged where versions are kept: removing would leave its bytes', async () => {
    const removed: string[] = []
    await open((client) => ({
      ...client,
      acl: async () => 'shared',
      head: async (...asked) => {
        const head = await client.head(...asked)
        return head.found ? { ...head, versionId: 'v1' } : head
      },
      remove: async (place) => {
        removed.push(place.key.text)
        return client.remove(place)
      },
    }))
    const upload = await gateway.create({ key: KEY })
    expect(await gateway.put(upload)).toBe(200)
    expect((await gateway.complete(upload.id)).status).toBe(409)
    await untilAllIsOver()
    expect(removed).toEqual([])
    expect((await gateway.usage())['tenant-stored']).toMatchObject({ used: 1_000, pending: 0 })
  })

  it('409: is not another upload’s that has come in between', async () => {
    let access: 'shared' | 'private' = 'shared'
    let between: (() => Promise<void>) | undefined
    await open((client) => ({
      ...client,
      acl: async () => {
        const seen = access
        const act = between
        between = undefined
        await act?.()
        return seen
      },
    }))
    const bad = await gateway.create({ key: KEY, sizeBytes: 800 })
    const good = await gateway.create({ key: KEY, sizeBytes: 900 })
    expect(await gateway.put(bad, 800)).toBe(200)
    between = async () => {
      access = 'private'
      expect(await gateway.put(good, 900)).toBe(200)
      expect((await gateway.complete(good.id)).status).toBe(200)
    }
    expect((await gateway.complete(bad.id)).status).toBe(409)
    await untilAllIsOver()
    expect(await gateway.sizeAtStore(KEY)).toBe(900)
    expect((await gateway.usage())['tenant-stored']).toMatchObject({ used: 900, pending: 0 })
  })
})
