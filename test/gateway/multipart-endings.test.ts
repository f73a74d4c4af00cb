import { request } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/errors.ts'
import type { CompleteOutcome, StoreClient } from '../../src/stores/store-client.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { embeddedStore, realStores } from '../support/stores/stores-under-test.ts'
import { uploadBody } from '../support/test-gateway.ts'
import type { GatewayOnStore } from './gateway-on-store.ts'
import {
  createParts,
  gatewayForParts,
  LIFETIME_MS,
  PARTS_OVER_MS,
  type Part,
  putParts,
} from './multipart-fixture.ts'

const BYTES = 6 * 2 ** 20
/** How long a store may go on with a Complete after the gateway has sent it. */
const COMPLETE_MAY_LAST_MS = 660_000

/** A part whose body the store has begun to take, and which ends when it is told to. */
async function beginPart({ request: grant, sizeBytes }: Part): Promise<() => Promise<number>> {
  const [begun, status] = [Promise.withResolvers<void>(), Promise.withResolvers<number>()]
  const headers = { ...grant.headers, 'content-length': sizeBytes, expect: '100-continue' }
  const put = request(grant.url, { method: 'PUT', headers }, (answer) => {
    answer.resume()
    status.resolve(answer.statusCode ?? 0)
    begun.resolve()
  })
  put.once('continue', () => put.write(Buffer.alloc(sizeBytes - 1), () => begun.resolve()))
  put.once('error', status.reject)
  put.flushHeaders()
  await begun.promise
  return () => {
    put.end(Buffer.alloc(1))
    return status.promise
  }
}

/** A store that goes on with a Complete that nobody waits for any more, and knows its upload no more. */
class SlowStore {
  land: (() => Promise<unknown>) | undefined

  readonly around = (client: StoreClient): StoreClient => ({
    ...client,
    completeMultipart: async (place, request) => {
      this.land = () => client.completeMultipart(place, request)
      throw new GatewayError('StoreUnavailable', 'Cannot complete: this test does not wait')
    },
    abortMultipart: async (place, id) => {
      if (this.land === undefined) await client.abortMultipart(place, id)
    },
    listParts: async (place, id) =>
      this.land === undefined ? client.listParts(place, id) : undefined,
  })
}

describe('the condition of Complete is not met', () => {
  let gateway: GatewayOnStore
  afterEach(() => gateway.close())
  const begin = async (outcome: CompleteOutcome) => {
    const answers = [outcome]
    gateway = await gatewayForParts(embeddedStore(), {
      onClient: (client) => ({
        ...client,
        async completeMultipart(place, request) {
          return answers.shift() ?? client.completeMultipart(place, request)
        },
      }),
    })
    const upload = await createParts(gateway, { sizeBytes: 3 })
    await putParts(upload.multipart.parts)
    return upload
  }

  it.each(['busy', 'conflict'] as const)(
    '409: %s, and nothing is there: no part is lost, and the next call completes it',
    async (outcome) => {
      const upload = await begin(outcome)
      await expectRefused(await gateway.complete(upload.id), {
        status: 409,
        code: 'UploadIncomplete',
      })
      expect(await gateway.status(upload.id)).toBe('pending')
      expect((await gateway.complete(upload.id)).status).toBe(200)
      expect(await gateway.sizeAtStore(upload.key)).toBe(3)
    },
  )

  it('409: another object is there: rejected, and each repetition says why', async () => {
    const upload = await begin('conflict')
    await gateway.putDirectly(upload.key, 7)
    const refusal = { status: 409, code: 'UploadRejected' } as const
    const first = await expectRefused(await gateway.complete(upload.id), refusal)
    expect(first.detail).toContain('another object has that key')
    const again = await expectRefused(await gateway.complete(upload.id), refusal)
    expect(again.detail).toBe(first.detail)
    expect(await gateway.sizeAtStore(upload.key)).toBe(7)
  })

  it('409: another object is there, but the store was only busy: nothing is rejected', async () => {
    const upload = await begin('busy')
    await gateway.putDirectly(upload.key, 7)
    const refusal = { status: 409, code: 'UploadIncomplete' } as const
    await expectRefused(await gateway.complete(upload.id), refusal)
    expect(await gateway.status(upload.id)).toBe('pending')
  })
})

describe('completing an upload of parts', () => {
  let gateway: GatewayOnStore
  let listings: number
  afterEach(() => gateway.close())
  const begin = async (requests: number) => {
    listings = 0
    const rate = { policy: 'r', per: 'user', requests, windowSeconds: 3_600, burst: requests }
    gateway = await gatewayForParts(embeddedStore(), {
      plan: { rates: [rate], quotas: [] },
      onClient: (client) => ({
        ...client,
        listParts(place, id) {
          listings += 1
          return client.listParts(place, id)
        },
      }),
    })
    return createParts(gateway, { sizeBytes: 3 })
  }

  it('429: is one request each time that the store is asked, and none once it is settled', async () => {
    const upload = await begin(3)
    await expectRefused(await gateway.complete(upload.id), {
      status: 409,
      code: 'UploadIncomplete',
    })
    await putParts(upload.multipart.parts)
    for (const _time of [1, 2, 3]) expect((await gateway.complete(upload.id)).status).toBe(200)
    const other = await gateway.call('POST', '/v1/uploads', uploadBody())
    await expectRefused(other, { status: 429, code: 'SlowDown' })
    expect(listings).toBe(2)
  })

  it('429: without room for a request no store is asked', async () => {
    const upload = await begin(1)
    await putParts(upload.multipart.parts)
    await expectRefused(await gateway.complete(upload.id), { status: 429, code: 'SlowDown' })
    expect(listings).toBe(0)
  })

  it('200: calls at once ask the store once, and get one answer', async () => {
    const upload = await begin(2)
    const parts = await putParts(upload.multipart.parts)
    const wanted = ['/complete', '/complete', '/complete'].map((path) =>
      gateway.call('POST', `/v1/uploads/${upload.id}${path}`, { parts }),
    )
    const answers = await Promise.all(wanted)
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    const bodies = await Promise.all(answers.map((answer) => answer.text()))
    expect(new Set(bodies).size).toBe(1)
    expect(listings).toBe(1)
  })

  it('503: a call with other parts does not get the answer of one that runs', async () => {
    const upload = await begin(9)
    const parts = await putParts(upload.multipart.parts)
    const complete = (etag: string) =>
      gateway.call('POST', `/v1/uploads/${upload.id}/complete`, {
        parts: parts.map((part) => ({ ...part, etag })),
      })
    const [right, wrong] = await Promise.all([
      complete(parts[0]?.etag ?? ''),
      complete('0'.repeat(32)),
    ])
    expect(right.status).toBe(200)
    await expectRefused(wrong, { status: 503, code: 'StoreUnavailable' })
  })
})

describe('an upload that is aborted while the store still puts it together', () => {
  let gateway: GatewayOnStore
  let slow: SlowStore
  afterEach(() => gateway.close())
  const stored = async () => (await gateway.usage())['tenant-stored']
  const begin = async () => {
    slow = new SlowStore()
    gateway = await gatewayForParts(embeddedStore(), {
      onClient: slow.around,
      allow: { 'acme/alice': [{ operations: ['upload', 'delete'] }] },
    })
    const upload = await createParts(gateway, { sizeBytes: 3_000 })
    await putParts(upload.multipart.parts)
    expect((await gateway.complete(upload.id)).status).toBe(503)
    expect((await gateway.call('DELETE', `/v1/uploads/${upload.id}`)).status).toBe(204)
    return upload
  }

  it('is charged for an object that comes late, and credited once for its end', async () => {
    const upload = await begin()
    expect(await stored()).toEqual({ used: 0, pending: 3_000 })
    await slow.land?.()
    gateway.clock.advance(COMPLETE_MAY_LAST_MS + 66_000)
    await gateway.sweepAll()
    expect(await gateway.sizeAtStore(upload.key)).toBe(3_000)
    expect(await stored()).toEqual({ used: 3_000, pending: 0 })
    const removed = await gateway.call('DELETE', `/v1/objects/media/${upload.key}`)
    expect(removed.status).toBe(204)
    gateway.clock.advance(2 * LIFETIME_MS)
    await gateway.sweepAll()
    expect(await stored()).toEqual({ used: 0, pending: 0 })
  })

  it('gives everything back when nothing has come in the longest time', async () => {
    await begin()
    gateway.clock.advance(COMPLETE_MAY_LAST_MS + 58_000)
    await gateway.sweepAll()
    expect(await stored()).toEqual({ used: 0, pending: 3_000 })
    gateway.clock.advance(8_000)
    await gateway.sweepAll()
    expect(await stored()).toEqual({ used: 0, pending: 0 })
  })
})

describe.each(realStores())('ends of uploads of parts on $kind', (store) => {
  let gateway: GatewayOnStore
  afterEach(() => gateway.close())
  const stored = async () => (await gateway.usage())['tenant-stored']
  const abort = async (id: string) => (await gateway.call('DELETE', `/v1/uploads/${id}`)).status

  it('204: what a part under way may still store stays reserved until no part can come', async () => {
    gateway = await gatewayForParts(store)
    const upload = await createParts(gateway, { sizeBytes: BYTES })
    const [one] = upload.multipart.parts
    if (one === undefined) throw new Error('no part')
    const endPart = await beginPart(one)
    expect(await abort(upload.id)).toBe(204)
    const taken = (await endPart()) === 200
    expect(taken).toBe(store.kind === 'swift')
    const pending = taken ? BYTES : 0
    expect(await stored()).toEqual({ used: 0, pending })
    gateway.clock.advance(PARTS_OVER_MS - 7_000)
    await gateway.sweepAll()
    expect(await stored()).toEqual({ used: 0, pending })
    gateway.clock.advance(7_000)
    await gateway.sweepAll()
    expect(await stored()).toEqual({ used: 0, pending: 0 })
    expect(await gateway.status(upload.id)).toBe('aborted')
  })
})
