import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/errors.ts'
import { openMemoryState } from '../../src/state/memory.ts'
import type { StateStore } from '../../src/state/port.ts'
import type { Placement } from '../../src/stores/store.ts'
import { expectRefused, stateOf } from '../support/expect-refused.ts'
import { eventsIn } from '../support/log-lines.ts'
import { describeOnCeph, embeddedStore, keepVersions } from '../support/stores/stores-under-test.ts'
import { uploadBody } from '../support/test-gateway.ts'
import { UNTIL_RELEASED_MS } from './gateway-on-store.ts'
import { type GatewayOnStores, gatewayOnStores, storePairs } from './gateway-on-stores.ts'

const UNAVAILABLE = { status: 503, code: 'StoreUnavailable' } as const
/** How long it is remembered where an object was, in milliseconds. */
const REMEMBERED_MS = 30_000

let gateway: GatewayOnStores
afterEach(() => gateway.close())

const key = (name: string) => `acme/alice/${name}`
const objectPath = (name: string) => `/v1/objects/media/${key(name)}`
const head = async (name: string) => {
  const answer = await gateway.call('HEAD', objectPath(name))
  return answer.status === 200 ? Number(answer.headers.get('content-length')) : answer.status
}
const statusOf = async (method: string, path: string) => (await gateway.call(method, path)).status

async function listed(limit: number): Promise<string[]> {
  const keys: string[] = []
  let cursor = ''
  do {
    const query = `prefix=${encodeURIComponent(key(''))}&limit=${limit}${cursor}`
    const answer = await gateway.call('GET', `/v1/objects/media?${query}`)
    expect(answer.status).toBe(200)
    const page = await answer.json()
    expect(page.objects.length).toBeLessThanOrEqual(limit)
    keys.push(...page.objects.map((object: { key: string; sizeBytes: number }) => object.key))
    cursor = page.nextCursor === undefined ? '' : `&cursor=${page.nextCursor}`
  } while (cursor !== '')
  return keys.map((each) => each.slice(key('').length))
}

describe.each(storePairs())('one bucket on $name', (pair) => {
  it('200: links and HEAD find an object in either store, and the next link asks nobody', async () => {
    gateway = await gatewayOnStores(pair)
    await gateway.put('near', key('one'), 1)
    await gateway.put('far', key('two'), 2)
    expect([await gateway.download(key('one')), await gateway.download(key('two'))]).toEqual([1, 2])
    const asked = gateway.calls.length
    expect([await gateway.downloadedFrom(key('two')), gateway.calls.length]).toEqual(['far', asked])
    expect([await head('one'), await head('two'), await head('none')]).toEqual([1, 2, 404])
    expect(await gateway.downloadedFrom(key('none'))).toBe('near')
  })

  it('shows what was uploaded while a store was away, and not what it comes back with', async () => {
    gateway = await gatewayOnStores(pair)
    await gateway.settled({ key: key('cat'), sizeBytes: 10 })
    await gateway.settled({ key: key('dog'), sizeBytes: 20 })
    await gateway.takeAway('near')
    expect(await gateway.settled({ key: key('cat'), sizeBytes: 30 })).toMatchObject({ at: 'far' })
    await gateway.bringBack('near')
    gateway.clock.advance(REMEMBERED_MS)
    expect([await gateway.sizeAt('near', key('cat')), await gateway.download(key('cat'))]).toEqual([
      10, 30,
    ])
    expect([await head('cat'), await head('dog')]).toEqual([30, 20])
    const { objects } = await (await gateway.call('GET', '/v1/objects/media')).json()
    expect(objects.map(({ sizeBytes }: { sizeBytes: number }) => sizeBytes)).toEqual([30, 20])
    expect([await gateway.records(), await gateway.stored()]).toEqual([['far'], 60])
  })

  it('204: a deleted object is gone from every store, credited once each, and nothing is left of it', async () => {
    gateway = await gatewayOnStores(pair)
    await gateway.settled({ key: key('cat'), sizeBytes: 10 })
    await gateway.takeAway('near')
    await gateway.settled({ key: key('cat'), sizeBytes: 30 })
    const before = { ...stateOf(gateway), calls: gateway.calls.length }
    const refused = await gateway.call('DELETE', objectPath('cat'))
    await expectRefused(refused, UNAVAILABLE, { gateway, before })
    expect([await gateway.sizeAt('far', key('cat')), gateway.calls.length]).toEqual([
      30,
      before.calls,
    ])
    await gateway.bringBack('near')
    expect(await statusOf('DELETE', objectPath('cat'))).toBe(204)
    const sizes = [
      await gateway.sizeAt('near', key('cat')),
      await gateway.sizeAt('far', key('cat')),
    ]
    expect([sizes, await gateway.records()]).toEqual([[undefined, undefined], []])
    expect(await statusOf('DELETE', objectPath('cat'))).toBe(204)
    gateway.clock.advance(UNTIL_RELEASED_MS)
    await gateway.sweepAll()
    expect([await head('cat'), await gateway.stored()]).toEqual([404, 0])
  })

  it('201: an overwrite goes where the object is, and its bytes are credited; 503 with that store away', async () => {
    gateway = await gatewayOnStores(pair)
    await gateway.takeAway('near')
    await gateway.settled({ key: key('cat'), sizeBytes: 10 })
    await gateway.bringBack('near')
    const wanted = { key: key('cat'), sizeBytes: 30, overwrite: true }
    expect(await gateway.settled(wanted)).toMatchObject({ at: 'far' })
    gateway.clock.advance(UNTIL_RELEASED_MS)
    await gateway.sweepAll()
    expect([await head('cat'), await gateway.stored()]).toEqual([30, 30])
    expect(await gateway.settled({ ...wanted, key: key('new') })).toMatchObject({ at: 'near' })
    await gateway.takeAway('far')
    const before = stateOf(gateway)
    const paths = ['/v1/uploads', '/v1/uploads?dryRun=true']
    // Known to be there, and then not known to be anywhere else.
    for (const [index, path] of [...paths, ...paths].entries()) {
      if (index === paths.length) gateway.clock.advance(REMEMBERED_MS)
      const refused = await gateway.call('POST', path, uploadBody(wanted))
      await expectRefused(refused, UNAVAILABLE, { gateway, before })
    }
  })

  it('200: one list of both, by UTF-8 bytes, each name once on whatever page; 503 with one away', async () => {
    gateway = await gatewayOnStores(pair)
    const names = ['a', 'b', 'both', 'c', 'd/1', 'd/2', 'z', '\u{1f408}']
    // The embedded store lists in the order of UTF-16.
    if (pair.far.kind !== 'embedded') names.splice(-1, 0, '\u{fffd}')
    for (const [index, name] of names.entries()) {
      const encoded = key(name).split('/').map(encodeURIComponent).join('/')
      if (index % 3 !== 0 || name === 'both') await gateway.put('near', encoded, 1)
      if (index % 3 === 0 || name === 'both') await gateway.put('far', encoded, 2)
    }
    for (const limit of [1, 2, 3, 1_000])
      expect([limit, await listed(limit)]).toEqual([limit, names])
    await gateway.takeAway('far')
    const before = stateOf(gateway)
    const refused = await gateway.call('GET', '/v1/objects/media')
    await expectRefused(refused, UNAVAILABLE, { gateway, before })
  })
})

describe('one bucket on two stores', () => {
  const open = async (options: Parameters<typeof gatewayOnStores>[1] = {}) => {
    const [pair] = storePairs()
    if (pair === undefined) throw new Error('no stores')
    gateway = await gatewayOnStores(pair, options)
  }

  it('200: links for what may be in a store that is away lead there; HEAD and delete are 503', async () => {
    await open()
    await gateway.put('near', key('here'), 1)
    await gateway.put('far', key('there'), 2)
    await gateway.takeAway('far')
    // A call might try it by now: nobody should wait for a link because of that.
    gateway.clock.advance(10_000)
    const asked = gateway.calls.length
    expect(await gateway.downloadedFrom(key('there'))).toBe('far')
    expect(await gateway.downloadedFrom(key('here'))).toBe('near')
    expect(gateway.calls.slice(asked)).toEqual(['HEAD near', 'HEAD near'])
    expect([await head('here'), await head('there')]).toEqual([1, 503])
    await gateway.bringBack('far')
    expect(await head('there')).toBe(2)
  })

  it('200: links for what was in a store that is away now lead there, not to an older one', async () => {
    await open()
    await gateway.settled({ key: key('cat'), sizeBytes: 10 })
    await gateway.takeAway('near')
    await gateway.settled({ key: key('cat'), sizeBytes: 30 })
    await gateway.bringBack('near')
    await gateway.takeAway('far')
    for (const laterMs of [0, REMEMBERED_MS]) {
      gateway.clock.advance(laterMs)
      const asked = gateway.calls.length
      expect([await gateway.downloadedFrom(key('cat')), await head('cat')]).toEqual(['far', 503])
      expect(gateway.calls.length - asked).toBeLessThanOrEqual(1)
    }
  })

  it('200: links lead to what another gateway has put elsewhere while a store is down, not to what was met there', async () => {
    await open()
    const [pair] = storePairs()
    if (pair === undefined) throw new Error('no stores')
    const other = await gatewayOnStores(pair, {}, gateway.shared)
    try {
      await gateway.settled({ key: key('cat'), sizeBytes: 10 })
      expect(await other.downloadedFrom(key('cat'))).toBe('near')
      await gateway.takeAway('near')
      await other.takeAway('near')
      await gateway.settled({ key: key('cat'), sizeBytes: 30 })
      expect(await other.downloadedFrom(key('cat'))).toBe('far')
      const found = await other.call('HEAD', objectPath('cat'))
      expect([found.status, found.headers.get('content-length')]).toEqual([200, '30'])
    } finally {
      await other.close()
    }
  })

  it('no tenant feels that a store of another tenant alone is away, nor does that store learn its names', async () => {
    await open()
    gateway.place(([near, far]) => [
      { ...near, takes: { tenants: new Set(['acme']) } } as Placement,
      { ...far, takes: { tenants: new Set(['globex']) } } as Placement,
    ])
    await gateway.takeAway('far')
    const asked = gateway.calls.length
    await gateway.settled({ key: key('cat'), sizeBytes: 10 })
    await gateway.settled({ key: key('new'), sizeBytes: 20, overwrite: true })
    expect([await head('cat'), await head('none'), await listed(10)]).toEqual([
      10,
      404,
      ['cat', 'new'],
    ])
    expect(await gateway.downloadedFrom(key('none'))).toBe('near')
    expect(await statusOf('DELETE', objectPath('cat'))).toBe(204)
    expect(new Set(gateway.calls.slice(asked).map((call) => call.split(' ')[1]))).toEqual(
      new Set(['near']),
    )
  })

  it('200: what is nowhere is looked for once in five seconds, and found as soon as this gateway knows of it', async () => {
    await open()
    const looks = async () => {
      const asked = gateway.calls.length
      expect(await gateway.downloadedFrom(key('cat'))).toBe('near')
      return gateway.calls.length - asked
    }
    expect([await looks(), await looks()]).toEqual([2, 0])
    gateway.clock.advance(4_999)
    expect(await looks()).toBe(0)
    gateway.clock.advance(1)
    expect([await looks(), await head('cat')]).toEqual([2, 404])
    await gateway.takeAway('near')
    await gateway.upload({ key: key('cat'), sizeBytes: 30 })
    expect(await gateway.downloadedFrom(key('cat'))).toBe('far')
  })

  it('503 before anything is charged, for what has to ask a store when both are away; links go on', async () => {
    await open()
    await gateway.takeAway('near')
    await gateway.takeAway('far')
    const before = stateOf(gateway)
    for (const [method, path] of [
      ['HEAD', objectPath('cat')],
      ['DELETE', objectPath('cat')],
      ['GET', '/v1/objects/media'],
    ] as const) {
      expect([path, await statusOf(method, path)]).toEqual([path, 503])
      expect(stateOf(gateway)).toEqual(before)
    }
    expect(await gateway.downloadedFrom(key('cat'))).toBe('near')
  })

  it('503 at a store that fails for the first time: nothing is told that another would deny', async () => {
    await open()
    await gateway.put('near', key('cat'), 1)
    gateway.cut('near')
    expect([await head('cat'), await statusOf('DELETE', objectPath('cat'))]).toEqual([503, 503])
    expect(await gateway.downloadedFrom(key('cat'))).toBe('near')
    expect(await statusOf('GET', '/v1/objects/media')).toBe(503)
  })

  it('writes down where an object is only where another one may be taken for it', async () => {
    await open()
    await gateway.settled({ key: key('usual'), sizeBytes: 1 })
    await gateway.takeAway('far')
    await gateway.settled({ key: key('while far is away'), sizeBytes: 2 })
    await gateway.bringBack('far')
    expect(await gateway.records()).toEqual([])
    await gateway.takeAway('near')
    await gateway.settled({ key: key('elsewhere'), sizeBytes: 3 })
    expect(await gateway.records()).toEqual(['far'])
    await gateway.bringBack('near')
    // Nothing else is there after all, and a later upload of that name shows it.
    await gateway.settled({ key: key('elsewhere'), sizeBytes: 4, overwrite: true })
    expect(await gateway.records()).toEqual([])
  })

  it('believes the later of two uploads, whichever store has it', async () => {
    await open()
    await gateway.takeAway('near')
    await gateway.settled({ key: key('cat'), sizeBytes: 10 })
    await gateway.bringBack('near')
    expect(await gateway.settled({ key: key('cat'), sizeBytes: 30 })).toMatchObject({ at: 'near' })
    expect(await gateway.records()).toEqual(['near'])
    expect(eventsIn(gateway.log, 'object.in_two_stores')).toMatchObject([
      { level: 'warn', bucket: 'media', store: 'near' },
    ])
    await gateway.takeAway('near')
    gateway.clock.advance(REMEMBERED_MS)
    expect([await gateway.downloadedFrom(key('cat')), await head('cat')]).toEqual(['near', 503])
    await gateway.bringBack('near')
    expect(await head('cat')).toBe(30)
  })

  it('believes the one that was granted last, in whatever order they are settled', async () => {
    await open()
    await gateway.upload({ key: key('cat'), sizeBytes: 10 })
    gateway.clock.advance(2_000)
    await gateway.takeAway('near')
    await gateway.settled({ key: key('cat'), sizeBytes: 30 })
    await gateway.bringBack('near')
    gateway.clock.advance(UNTIL_RELEASED_MS)
    await gateway.sweepAll()
    expect([await gateway.stored(), await gateway.records()]).toEqual([40, ['far']])
    expect([await gateway.downloadedFrom(key('cat')), await head('cat')]).toEqual(['far', 30])
  })

  it('believes the one that was granted last, also of one that is away while another is settled', async () => {
    await open()
    await gateway.upload({ key: key('cat'), sizeBytes: 10 })
    gateway.clock.advance(2_000)
    await gateway.takeAway('near')
    await gateway.settled({ key: key('cat'), sizeBytes: 30 })
    await gateway.bringBack('near')
    await gateway.takeAway('far')
    gateway.clock.advance(UNTIL_RELEASED_MS)
    await gateway.sweepAll()
    expect([await gateway.stored(), await gateway.records()]).toEqual([40, ['far']])
    expect(await gateway.downloadedFrom(key('cat'))).toBe('far')
  })

  it('200: links are signed while nobody can say what is written down; deletes are 503', async () => {
    const memory = openMemoryState()
    let isAway = false
    const get: StateStore['get'] = async (name) => {
      if (isAway) throw new GatewayError('LedgerUnavailable', 'Cannot read: nobody is there')
      return memory.get(name)
    }
    await open({ overrides: { state: { ...memory, get } } })
    await gateway.settled({ key: key('cat'), sizeBytes: 10 })
    await gateway.takeAway('near')
    await gateway.settled({ key: key('cat'), sizeBytes: 30 })
    gateway.clock.advance(REMEMBERED_MS)
    isAway = true
    expect(await gateway.downloadedFrom(key('cat'))).toBe('far')
    await gateway.bringBack('near')
    // Now the one that was there before is found first, and so it is not remembered.
    expect(await gateway.downloadedFrom(key('cat'))).toBe('near')
    const refused = await gateway.call('DELETE', objectPath('cat'))
    await expectRefused(refused, { status: 503, code: 'LedgerUnavailable' }, { gateway })
    isAway = false
    expect(await gateway.downloadedFrom(key('cat'))).toBe('far')
  })
})

describeOnCeph('one bucket on two stores, of which one keeps versions', (ceph) => {
  it('200: a version is found where its object is, and still where only a delete marker is left', async () => {
    const operations = ['download', 'versions', 'delete']
    gateway = await gatewayOnStores(
      { near: embeddedStore(), far: ceph },
      { allow: { 'acme/alice': [{ operations }] } },
    )
    await keepVersions(ceph, gateway.storeBuckets.far)
    await gateway.put('far', key('cat'), 2)
    const before = await gateway.call('HEAD', objectPath('cat'))
    const version = before.headers.get('x-amz-version-id') ?? ''
    await gateway.put('far', key('cat'), 3)
    const query = `?versionId=${encodeURIComponent(version)}`
    const ways = async () => {
      gateway.clock.advance(REMEMBERED_MS)
      const look = await gateway.call('HEAD', objectPath('cat') + query)
      const link = await gateway.call('GET', objectPath('cat') + query)
      const got = await fetch(link.headers.get('location') ?? '')
      return [look.headers.get('content-length'), got.status, (await got.bytes()).length]
    }
    expect(await ways()).toEqual(['2', 200, 2])
    expect(await statusOf('DELETE', objectPath('cat'))).toBe(204)
    expect([await head('cat'), await ways()]).toEqual([404, ['2', 200, 2]])
  })
})

describe('one bucket on two stores, whose names are never used twice', () => {
  const template = { keys: { template: '{tenant}/{user}/{uuid}' } }
  beforeEach(async () => {
    const [pair] = storePairs()
    if (pair === undefined) throw new Error('no stores')
    gateway = await gatewayOnStores(pair, { bucket: template })
  })

  it('deletes what is in one store while the other is away, and writes nothing down', async () => {
    await gateway.takeAway('near')
    const { key: name } = await gateway.settled({ key: undefined, sizeBytes: 10 })
    const path = `/v1/objects/media/${name}`
    expect(await gateway.records()).toEqual([])
    expect(await gateway.downloadedFrom(name)).toBe('far')
    expect(await statusOf('DELETE', path)).toBe(204)
    expect(await gateway.sizeAt('far', name)).toBeUndefined()
    // It may have been in the other one, for all that anybody knows by now.
    expect(await statusOf('DELETE', path)).toBe(503)
    await gateway.bringBack('near')
    expect(await statusOf('DELETE', path)).toBe(204)
  })
})
