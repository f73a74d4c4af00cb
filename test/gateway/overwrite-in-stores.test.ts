import { afterEach, expect, it } from 'vitest'
import { expectRefused, stateOf } from '../support/expect-refused.ts'
import { embeddedStore } from '../support/stores/stores-under-test.ts'
import { uploadBody } from '../support/test-gateway.ts'
import { UNTIL_RELEASED_MS } from './gateway-on-store.ts'
import { type GatewayOnStores, gatewayOnStores } from './gateway-on-stores.ts'

const open: GatewayOnStores[] = []
afterEach(async () => {
  for (const gateway of open.splice(0)) await gateway.close()
})

const pair = { near: embeddedStore(), far: embeddedStore() }
async function start(...rest: [options?: object, shared?: GatewayOnStores['shared']]) {
  const gateway = await gatewayOnStores(pair, ...rest)
  open.push(gateway)
  return gateway
}
const key = 'acme/alice/cat'
const replacing = { key, sizeBytes: 30, overwrite: true }

/** Once nothing can come any more by what was signed before. */
async function storedIn(gateway: GatewayOnStores): Promise<number> {
  gateway.clock.advance(UNTIL_RELEASED_MS)
  await gateway.sweepAll()
  return gateway.stored()
}

it('201: goes where the object is by now, although this gateway met it elsewhere, and is charged once', async () => {
  const one = await start()
  const other = await start({}, one.shared)
  await one.settled({ key, sizeBytes: 10 })
  expect(await other.downloadedFrom(key)).toBe('near')
  expect((await one.call('DELETE', `/v1/objects/media/${key}`)).status).toBe(204)
  await one.takeAway('near')
  expect(await one.settled({ key, sizeBytes: 20 })).toMatchObject({ at: 'far' })
  await one.bringBack('near')
  expect(await other.settled(replacing)).toMatchObject({ at: 'far' })
  expect([await one.sizeAt('near', key), await one.sizeAt('far', key)]).toEqual([undefined, 30])
  expect(await storedIn(one)).toBe(30)
})

it('201: goes where the object is, although nothing new goes there', async () => {
  const gateway = await start()
  await gateway.settled({ key, sizeBytes: 10 })
  const takes = { tenants: new Set(['acme']) }
  for (const emptied of [{ weight: 0 }, { weight: 0, takes }]) {
    gateway.place(([near, ...others]) => [
      { ...near, ...emptied } as typeof near & object,
      ...others,
    ])
    expect(await gateway.settled(replacing)).toMatchObject({ at: 'near' })
    expect(await storedIn(gateway)).toBe(30)
  }
})

it('201: goes where the object is while the store where a new one would go is away and would refuse it', async () => {
  const gateway = await start({ bucket: { placing: { whenDown: 'refuse' } } })
  await gateway.takeAway('near')
  await gateway.settled({ key, sizeBytes: 10 })
  gateway.place((all) => all.map((each, at) => (at === 1 ? { ...each, weight: 0 } : each)))
  const before = stateOf(gateway)
  const refused = await gateway.call('POST', '/v1/uploads', uploadBody({ key: `${key}2` }))
  await expectRefused(refused, { status: 503, code: 'StoreUnavailable' }, { gateway, before })
  await gateway.bringBack('near')
  gateway.cut('near')
  await gateway.takeAway('near')
  // The document says where it is, so nobody asks the other one.
  expect(await gateway.settled(replacing)).toMatchObject({ at: 'far' })
})

it('422: is refused where the new one may not be where the old one is, or both would be charged', async () => {
  const gateway = await start()
  const takes = { contentTypes: new Set(['image/jpeg']) }
  gateway.place((all) => all.map((each, at) => (at === 0 ? { ...each, takes } : each)))
  await gateway.settled({ key, sizeBytes: 10 })
  const wanted = uploadBody({ ...replacing, contentType: 'image/png' })
  const before = stateOf(gateway)
  for (const path of ['/v1/uploads', '/v1/uploads?dryRun=true']) {
    const refused = await gateway.call('POST', path, wanted)
    await expectRefused(refused, { status: 422, code: 'UnsupportedByStore' }, { gateway, before })
  }
  expect((await gateway.call('DELETE', `/v1/objects/media/${key}`)).status).toBe(204)
  expect(await gateway.settled({ ...replacing, contentType: 'image/png' })).toMatchObject({
    at: 'far',
  })
  expect(await storedIn(gateway)).toBe(30)
})
