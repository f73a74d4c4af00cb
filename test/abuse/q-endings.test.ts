import { afterEach, describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/errors.ts'
import {
  AFTER_URL_MS,
  type GatewayOnStore,
  GRANT_MS,
  gatewayOnStore,
  ticketOf,
  UNTIL_RELEASED_MS,
} from '../gateway/gateway-on-store.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { embeddedStore, realStores } from '../support/stores/stores-under-test.ts'
import { uploadBody } from '../support/test-gateway.ts'

const AWAY = new GatewayError('StoreUnavailable', 'Cannot remove the object: away')
const CAT = '/v1/objects/media/acme/alice/cat.jpg'

let gateway: GatewayOnStore
afterEach(() => gateway.close())

const abort = (id: string) => gateway.call('DELETE', `/v1/uploads/${id}`)
const stored = async () => (await gateway.usage())['tenant-stored']

/** Until everything that can still end has ended: two looks, each a whole life later. */
async function untilAtRest(): Promise<void> {
  for (const _ of [1, 2]) {
    gateway.clock.advance(UNTIL_RELEASED_MS)
    await gateway.sweepAll()
  }
}

describe('abandoned uploads', () => {
  it('Q03 1,000 of them lock nobody out for longer than their URLs can bring bytes', async () => {
    const plan = {
      quotas: [
        { policy: 'user-pending', per: 'user', unit: 'pending-uploads', limit: 1_000 },
        { policy: 'tenant-stored', per: 'tenant', unit: 'stored-bytes', limit: 1_000_000 },
      ],
    }
    gateway = await gatewayOnStore(embeddedStore(), { plan })
    for (let index = 0; index < 1_000; index += 1) {
      await gateway.create({ key: `acme/alice/${index}` })
    }
    const oneMore = () => gateway.call('POST', '/v1/uploads', uploadBody())
    expect((await oneMore()).status).toBe(403)
    // The first look, after the end of the URLs: a transfer may still be running.
    gateway.clock.advance(GRANT_MS + 5_000)
    expect(await gateway.sweepAll()).toBe(0)
    gateway.clock.advance(AFTER_URL_MS - 5_000 - 1)
    expect(await gateway.sweepAll()).toBe(0)
    expect((await oneMore()).status).toBe(403)
    gateway.clock.advance(5_000 + 1_000)
    expect(await gateway.sweepAll()).toBe(1_000)
    expect(await gateway.usage()).toEqual({
      'user-pending': { used: 0, pending: 0 },
      'tenant-stored': { used: 0, pending: 0 },
    })
    expect((await oneMore()).status).toBe(201)
  }, 60_000)
})

type Ender = 'complete' | 'delete' | 'sweep'
const ORDERS: readonly (readonly Ender[])[] = [
  ['complete', 'delete', 'sweep'],
  ['complete', 'sweep', 'delete'],
  ['delete', 'complete', 'sweep'],
  ['delete', 'sweep', 'complete'],
  ['sweep', 'complete', 'delete'],
  ['sweep', 'delete', 'complete'],
]

describe.each(realStores())('endings on $kind', (store) => {
  it('Q11 one end in all orders, doubled and at once, with the same final usage', async () => {
    gateway = await gatewayOnStore(store)
    const enders: Record<Ender, (id: string) => Promise<unknown>> = {
      complete: (id) => gateway.complete(id),
      delete: abort,
      sweep: () => gateway.sweepAll(),
    }
    const ended = { pending: 0, used: 0 }
    for (const arrives of [true, false]) {
      for (const order of ORDERS) {
        for (const how of ['in turn', 'doubled', 'at once'] as const) {
          const name = `${order.join('-')}-${how.replace(' ', '-')}-${arrives}`
          const upload = await gateway.create({ key: `acme/alice/${name}` })
          if (arrives) expect(await gateway.put(upload)).toBe(200)
          gateway.clock.advance(GRANT_MS + 6_000)
          const all = how === 'in turn' ? order : order.flatMap((each) => [each, each])
          if (how === 'at once') await Promise.all(all.map((each) => enders[each](upload.id)))
          else for (const each of all) await enders[each](upload.id)
          await untilAtRest()
          const status = await gateway.status(upload.id)
          expect([name, arrives ? ['completed'] : ['aborted', 'expired']]).toEqual([
            name,
            expect.arrayContaining([status]),
          ])
          ended.used += arrives ? 1_000 : 0
          expect([name, await stored()]).toEqual([name, ended])
          for (const each of order) await enders[each](upload.id)
          expect([name, await gateway.status(upload.id)]).toEqual([name, status])
          expect([name, await stored()]).toEqual([name, ended])
        }
      }
    }
    const events = gateway.audited.filter(({ event }) => event === 'upload.settled')
    expect(events).toHaveLength(ended.used / 1_000)
    expect(gateway.log.filter((line) => line.includes('ledger.alarm'))).toEqual([])
  })

  it('Q12 aborted, then put by the URL: reserved until the URL is dead, and charged', async () => {
    gateway = await gatewayOnStore(store)
    const upload = await gateway.create()
    for (const _ of [1, 2]) expect((await abort(upload.id)).status).toBe(204)
    expect(await stored()).toEqual({ used: 0, pending: 1_000 })
    await gateway.sweepAll()
    expect(await stored()).toEqual({ used: 0, pending: 1_000 })
    expect(await gateway.put(upload)).toBe(200)
    await expectRefused(await gateway.complete(upload.id), {
      status: 409,
      code: 'UploadNotPending',
    })
    await untilAtRest()
    expect(await stored()).toEqual({ used: 1_000, pending: 0 })
    expect(await gateway.sizeAtStore(upload.key)).toBe(1_000)
  })

  it('Q12 an object after expiry and release is charged if it fits', async () => {
    gateway = await gatewayOnStore(store)
    const upload = await gateway.create()
    await untilAtRest()
    expect([await gateway.status(upload.id), await stored()]).toEqual([
      'expired',
      { used: 0, pending: 0 },
    ])
    await gateway.putDirectly(upload.key, 1_000, ticketOf(upload))
    expect((await gateway.complete(upload.id)).status).toBe(200)
    expect(await stored()).toEqual({ used: 1_000, pending: 0 })
  })

  it('Q12 an object after expiry and release is removed if it does not fit', async () => {
    const plan = {
      quotas: [{ policy: 'tenant-stored', per: 'tenant', unit: 'stored-bytes', limit: 1_999 }],
    }
    gateway = await gatewayOnStore(store, { plan })
    const late = await gateway.create({ key: 'acme/alice/late' })
    const later = await gateway.create({ key: 'acme/alice/later', sizeBytes: 999 })
    await untilAtRest()
    const full = await gateway.create()
    await gateway.put(full)
    await gateway.complete(full.id)
    await gateway.putDirectly(late.key, 1_000, ticketOf(late))
    await expectRefused(await gateway.complete(late.id), { status: 409, code: 'UploadRejected' })
    expect([await gateway.status(late.id), await gateway.sizeAtStore(late.key)]).toEqual([
      'rejected',
      undefined,
    ])
    expect(await stored()).toEqual({ used: 1_000, pending: 0 })
    // Just what is left fits.
    await gateway.putDirectly(later.key, 999, ticketOf(later))
    expect((await gateway.complete(later.id)).status).toBe(200)
    expect(await stored()).toEqual({ used: 1_999, pending: 0 })
  })

  it('Q12 a condemned object is removed when the store is back, but not one that replaced it', async () => {
    const plan = {
      quotas: [{ policy: 'tenant-stored', per: 'tenant', unit: 'stored-bytes', limit: 1_000 }],
    }
    let away = true
    gateway = await gatewayOnStore(store, {
      plan,
      onClient: (client) => ({
        ...client,
        remove: (place) => (away ? Promise.reject(AWAY) : client.remove(place)),
      }),
    })
    const condemned = await gateway.create({ key: 'acme/alice/condemned' })
    await untilAtRest()
    const replaced = await gateway.create({ key: 'acme/alice/replaced' })
    await untilAtRest()
    const full = await gateway.create()
    await gateway.put(full)
    await gateway.complete(full.id)
    for (const upload of [condemned, replaced]) {
      await gateway.putDirectly(upload.key, 1_000, ticketOf(upload))
      expect((await gateway.complete(upload.id)).status).toBe(503)
      expect(await gateway.status(upload.id)).toBe('rejected')
    }
    await gateway.putDirectly(replaced.key, 7)
    away = false
    await untilAtRest()
    expect(await gateway.sizeAtStore(condemned.key)).toBeUndefined()
    expect(await gateway.sizeAtStore(replaced.key)).toBe(7)
    expect(await stored()).toEqual({ used: 1_000, pending: 0 })
  })

  it('Q14 deleted twice, in parallel and again: credited once, when the URL is dead', async () => {
    gateway = await gatewayOnStore(store)
    const upload = await gateway.create()
    await gateway.put(upload)
    await gateway.complete(upload.id)
    const answers = await Promise.all([1, 2, 3, 4].map(() => gateway.call('DELETE', CAT)))
    // s3rver may answer 500 where another request has just removed its file: then we know nothing.
    const unknown = store.kind === 'embedded' ? [204, 503] : [204]
    for (const { status } of answers) expect(unknown).toContain(status)
    expect((await gateway.call('DELETE', CAT)).status).toBe(204)
    expect(await gateway.sizeAtStore(upload.key)).toBeUndefined()
    // The URL could bring the object back, which would then be free.
    await gateway.sweepAll()
    expect((await stored())?.used).toBe(1_000)
    gateway.clock.advance(GRANT_MS + AFTER_URL_MS - 60_000 - 1_000)
    await gateway.sweepAll()
    expect((await stored())?.used).toBe(1_000)
    gateway.clock.advance(7_000)
    await gateway.sweepAll()
    expect(await stored()).toEqual({ used: 0, pending: 0 })
    await untilAtRest()
    expect(await stored()).toEqual({ used: 0, pending: 0 })
  })

  it('Q14 brought back by its own URL after a delete: still charged, until it is deleted again', async () => {
    gateway = await gatewayOnStore(store)
    const upload = await gateway.create()
    await gateway.put(upload)
    await gateway.complete(upload.id)
    await gateway.call('DELETE', CAT)
    expect(await gateway.put(upload)).toBe(200)
    await untilAtRest()
    expect(await stored()).toEqual({ used: 1_000, pending: 0 })
    await gateway.call('DELETE', CAT)
    expect(await stored()).toEqual({ used: 0, pending: 0 })
  })

  it('Q14 credited with the real size, also when nobody had completed the upload', async () => {
    gateway = await gatewayOnStore(store)
    const kept = await gateway.create({ key: 'acme/alice/kept', sizeBytes: 5_000 })
    await gateway.put(kept, 5_000)
    await gateway.complete(kept.id)
    const left = await gateway.create()
    await gateway.put(left)
    expect((await gateway.call('DELETE', CAT)).status).toBe(204)
    await untilAtRest()
    expect(await stored()).toEqual({ used: 5_000, pending: 0 })
  })

  it('Q14 an object that never came through Signet is deleted and credits nobody', async () => {
    gateway = await gatewayOnStore(store)
    const other = await gateway.create({ key: 'acme/alice/other' })
    await gateway.put(other)
    await gateway.complete(other.id)
    await gateway.putDirectly('acme/alice/cat.jpg', 400)
    // A ticket that was copied from another object is none here.
    await gateway.putDirectly('acme/alice/copied', 400, ticketOf(other))
    for (const path of [CAT, '/v1/objects/media/acme/alice/copied']) {
      expect((await gateway.call('DELETE', path)).status).toBe(204)
    }
    expect(await gateway.sizeAtStore('acme/alice/cat.jpg')).toBeUndefined()
    await untilAtRest()
    expect(await stored()).toEqual({ used: 1_000, pending: 0 })
  })
})
