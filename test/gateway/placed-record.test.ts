import { afterEach, expect, it } from 'vitest'
import type { StateStore } from '../../src/state/port.ts'
import type { Placement } from '../../src/stores/store.ts'
import { embeddedStore, storeClient } from '../support/stores/stores-under-test.ts'
import { uploadBody } from '../support/test-gateway.ts'
import { UNTIL_RELEASED_MS } from './gateway-on-store.ts'
import { type GatewayOnStores, gatewayOnStores } from './gateway-on-stores.ts'

/** For so long a gateway remembers what it has met, or that nothing is written down, in milliseconds. */
const REMEMBERED_MS = 60_000
const store = embeddedStore()
const key = 'acme/alice/cat'
const path = `/v1/objects/media/${key}`

const open: GatewayOnStores[] = []
afterEach(async () => {
  for (const gateway of open.splice(0)) await gateway.close()
})
async function start(...rest: [options?: object, shared?: GatewayOnStores['shared']]) {
  const gateway = await gatewayOnStores({ near: store, far: store }, ...rest)
  open.push(gateway)
  return gateway
}

async function head(gateway: GatewayOnStores): Promise<number | undefined> {
  const answer = await gateway.call('HEAD', path)
  return answer.status === 200 ? Number(answer.headers.get('content-length')) : undefined
}

/** Takes the object away past the gateway. */
async function lose(gateway: GatewayOnStores, name: 'near' | 'far'): Promise<void> {
  const url = `${store.endpoint}/${gateway.storeBuckets[name]}/${key}`
  await (await storeClient(store).fetch(url, { method: 'DELETE' })).bytes()
}

/** An object in each store: 10 bytes in the first, which were replaced by 30 in the second while it was away. */
async function inBoth(gateway: GatewayOnStores): Promise<void> {
  await gateway.settled({ key, sizeBytes: 10 })
  await gateway.takeAway('near')
  await gateway.settled({ key, sizeBytes: 30 })
  await gateway.bringBack('near')
  gateway.clock.advance(REMEMBERED_MS)
}

it('finds what came while a placement was taken out, also once it is put back', async () => {
  const gateway = await start()
  await gateway.takeAway('near')
  await gateway.settled({ key, sizeBytes: 10 })
  await gateway.bringBack('near')
  let all: readonly Placement[] = []
  gateway.place((placements) => {
    all = placements
    return placements.slice(0, 1)
  })
  gateway.clock.advance(2_000)
  expect(await gateway.settled({ key, sizeBytes: 30 })).toMatchObject({ at: 'near' })
  for (const turned of [all, all.toReversed()]) {
    gateway.place(() => turned)
    gateway.clock.advance(REMEMBERED_MS)
    expect([await head(gateway), await gateway.download(key)]).toEqual([30, 30])
  }
})

it('writes nothing down in a bucket that never had two placements, and looks for it once a minute', async () => {
  let looks = 0
  const one = await start()
  const { state } = one.shared
  const list: StateStore['list'] = (request) => {
    if (request.kind === 'placed') looks += 1
    return state.list(request)
  }
  const gateway = await start({ overrides: { state: { ...state, list } } })
  gateway.place((all) => all.slice(0, 1))
  for (const name of ['a', 'b', 'c']) {
    await gateway.settled({ key: `acme/alice/${name}`, sizeBytes: 1 })
    expect((await gateway.call('DELETE', `/v1/objects/media/acme/alice/${name}`)).status).toBe(204)
  }
  expect(looks).toBe(1)
})

it('finds a form that was completed, while it can still be replaced', async () => {
  const gateway = await start()
  const forms = { postPolicy: 'yes', postRange: 'yes', postLengthRange: 'yes' } as const
  gateway.place((all) =>
    all.map((each) => {
      const capabilities = { ...each.store.capabilities, ...forms }
      return { ...each, store: { ...each.store, capabilities } }
    }),
  )
  await gateway.settled({ key, sizeBytes: 10 })
  gateway.clock.advance(2_000)
  await gateway.takeAway('near')
  const { sizeBytes: _, ...body } = { ...uploadBody({ key, mode: 'post' }), maxSizeBytes: 500 }
  const { id, form } = await (await gateway.call('POST', '/v1/uploads', body)).json()
  // The embedded store takes no forms: as if one had come.
  await (
    await storeClient(store).fetch(`${store.endpoint}/${gateway.storeBuckets.far}/${key}`, {
      method: 'PUT',
      headers: {
        'content-type': 'image/jpeg',
        'x-amz-meta-signet': form.fields['x-amz-meta-signet'],
      },
      body: new Uint8Array(30),
    })
  ).bytes()
  expect((await gateway.complete(id)).status).toBe(200)
  await gateway.bringBack('near')
  for (const laterMs of [0, REMEMBERED_MS]) {
    gateway.clock.advance(laterMs)
    expect([await head(gateway), await gateway.downloadedFrom(key)]).toEqual([30, 'far'])
  }
})

it('forgets where an object was that came too late and had to go', async () => {
  const quotas = [{ policy: 'tenant-stored', per: 'tenant', unit: 'stored-bytes', limit: 100 }]
  const gateway = await start({ plan: { rates: [], quotas } })
  await gateway.settled({ key, sizeBytes: 10 })
  gateway.clock.advance(2_000)
  await gateway.takeAway('near')
  const created = await gateway.call('POST', '/v1/uploads', uploadBody({ key, sizeBytes: 60 }))
  const { id, request } = await created.json()
  gateway.clock.advance(UNTIL_RELEASED_MS)
  await gateway.sweepAll()
  await gateway.bringBack('near')
  await gateway.settled({ key: `${key}-and-dog`, sizeBytes: 60 })
  await (
    await fetch(request.url, {
      method: 'PUT',
      headers: request.headers,
      body: new Uint8Array(60),
    })
  ).bytes()
  const late = await gateway.complete(id)
  expect([late.status, (await late.json()).code]).toEqual([409, 'UploadRejected'])
  expect(await gateway.records()).toEqual([])
  await gateway.takeAway('far')
  gateway.clock.advance(REMEMBERED_MS)
  await gateway.takeAway('far')
  expect([await head(gateway), await gateway.download(key)]).toEqual([10, 10])
})

it('keeps what another gateway has written down at the same moment', async () => {
  const one = await start()
  const { state } = one.shared
  let before: (() => Promise<void>) | undefined
  const remove: StateStore['remove'] = async (...asked) => {
    const run = before
    before = undefined
    await run?.()
    return state.remove(...asked)
  }
  const other = await start({ overrides: { state: { ...state, remove } } }, one.shared)
  await one.takeAway('near')
  await one.settled({ key, sizeBytes: 10 })
  await lose(one, 'far')
  const { id } = await other.upload({ key, sizeBytes: 20 })
  one.clock.advance(2_000)
  // Still away for this one.
  await one.takeAway('near')
  before = async () => {
    expect(await one.settled({ key, sizeBytes: 30 })).toMatchObject({ at: 'far' })
  }
  expect((await other.complete(id)).status).toBe(200)
  expect(before).toBeUndefined()
  await one.bringBack('near')
  one.clock.advance(REMEMBERED_MS)
  expect([await head(one), await head(other), await one.records()]).toEqual([30, 30, ['far']])
})

it('204: no older object comes back of a name from the time when callers named them', async () => {
  const gateway = await start()
  await inBoth(gateway)
  gateway.place((all) => all, { kind: 'template', template: '{tenant}/{user}/{uuid}' })
  expect([await head(gateway), await gateway.download(key)]).toEqual([30, 30])
  expect((await gateway.call('DELETE', path)).status).toBe(204)
  gateway.clock.advance(REMEMBERED_MS)
  expect([await head(gateway), await gateway.records()]).toEqual([undefined, []])
})
