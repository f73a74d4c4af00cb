import { afterEach, describe, expect, it } from 'vitest'
import { expectRefused, stateOf } from '../support/expect-refused.ts'
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
