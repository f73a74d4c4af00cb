import { afterEach, describe, expect, it } from 'vitest'
import { openMemoryLedger } from '../../src/ledger/memory.ts'
import type { ReserveCommand } from '../../src/ledger/port.ts'
import type { HeadResult, StoreClient } from '../../src/stores/store-client.ts'
import { NO_MULTIPART } from '../support/no-multipart.ts'
import { TestClock } from '../support/test-clock.ts'
import { openTestGateway, type TestGateway, uploadBody } from '../support/test-gateway.ts'
import { sweepAll } from './gateway-on-store.ts'

const HOUR_MS = 3_600_000
/** The life of a URL and of the longest transfer by it. */
const DEAD_MS = 300_000 + HOUR_MS
const PATH = '/v1/objects/media/acme/alice/cat.jpg'

/** A gateway whose own, the ledger's and the store's clocks can be moved apart. */
async function openWithClocks(storeSendsDate = true) {
  const clocks = { own: new TestClock(), ledger: new TestClock(), store: new TestClock() }
  let object: Extract<HeadResult, { found: true }> | undefined
  const onRemove: (() => void)[] = []
  const admitted: unknown[] = []
  const storeClient: StoreClient = {
    ...NO_MULTIPART,
    async head() {
      const date = storeSendsDate ? { storeNowMs: clocks.store.nowMs() } : {}
      return object === undefined ? { found: false, ...date } : { ...object, ...date }
    },
    async remove() {
      object = undefined
      for (const moved of onRemove) moved()
    },
    async list() {
      return { objects: [] }
    },
  }
  const memory = openMemoryLedger({ clock: clocks.ledger })
  const gateway = await openTestGateway({
    clock: clocks.own,
    overrides: {
      storeClient,
      ledger: {
        ...memory,
        admit(command) {
          admitted.push(command)
          return memory.admit(command)
        },
      },
    },
  })
  return {
    gateway,
    clocks,
    onRemove,
    admitted,
    advance(ms: number) {
      for (const clock of Object.values(clocks)) clock.advance(ms)
    },
    async stored() {
      const { limits } = await (await gateway.call('GET', '/v1/usage')).json()
      return limits.find(({ policy }: { policy: string }) => policy === 'tenant-stored').used
    },
    /** An upload that has arrived and is completed. */
    async keep() {
      const created = await (await gateway.call('POST', '/v1/uploads', uploadBody())).json()
      object = {
        found: true,
        sizeBytes: 1_000,
        contentType: 'image/jpeg',
        etag: '"1"',
        metadata: new Map([['signet', created.request.headers['x-amz-meta-signet']]]),
      }
      await gateway.call('POST', `/v1/uploads/${created.id}/complete`, {})
    },
  }
}

describe('the credit of a deleted object', () => {
  let gateway: TestGateway
  afterEach(() => gateway.close())

  it('waits until the store’s own clock says that the object’s URL is dead', async () => {
    const test = await openWithClocks()
    gateway = test.gateway
    await test.keep()
    // The store judges its URLs, and it is an hour behind the ledger.
    test.clocks.own.advance(HOUR_MS)
    test.clocks.ledger.advance(HOUR_MS)
    test.advance(DEAD_MS - HOUR_MS)
    await gateway.call('DELETE', PATH)
    await sweepAll(gateway.context)
    expect(await test.stored()).toBe(1_000)
    test.advance(HOUR_MS)
    await sweepAll(gateway.context)
    expect(await test.stored()).toBe(0)
  })

  it('does not believe a clock of the gateway that jumps while the store is asked', async () => {
    const test = await openWithClocks(false)
    gateway = test.gateway
    await test.keep()
    test.onRemove.push(() => test.clocks.own.advance(2 * HOUR_MS))
    await gateway.call('DELETE', PATH)
    expect(await test.stored()).toBe(1_000)
    test.advance(DEAD_MS + HOUR_MS)
    await sweepAll(gateway.context)
    expect(await test.stored()).toBe(0)
  })

  it('is never voided for an unknown outcome: another gateway may delete the object for it', async () => {
    const test = await openWithClocks()
    gateway = test.gateway
    await test.keep()
    await gateway.call('DELETE', PATH)
    const credits = (test.admitted as ReserveCommand[]).filter(({ rid }) => rid?.startsWith('del_'))
    expect(credits).toMatchObject([{ op: 'R', replayable: true }])
  })
})
