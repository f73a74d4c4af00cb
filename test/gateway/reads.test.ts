import { afterEach, describe, expect, it } from 'vitest'
import { expectRefused, stateOf } from '../support/expect-refused.ts'
import { embeddedStore, realStores } from '../support/stores/stores-under-test.ts'
import { type GatewayOnStore, gatewayOnStore, UNTIL_RELEASED_MS } from './gateway-on-store.ts'

let gateway: GatewayOnStore
afterEach(() => gateway.close())

/** Objects of alice, put past the gateway. */
async function withObjects(names: readonly string[]): Promise<void> {
  for (const name of names) {
    const headers = { 'content-type': 'image/jpeg' }
    await gateway.putDirectly(`acme/alice/${name}`, name.length, headers)
  }
}

async function get(path: string) {
  const answer = await gateway.call('GET', path)
  expect([path, answer.status]).toEqual([path, 200])
  return answer.json()
}

describe.each(realStores())('reading on $kind', (store) => {
  it('200: a download’s grant opens the object, as an attachment of the given name', async () => {
    gateway = await gatewayOnStore(store)
    await withObjects(['four'])
    const answer = await gateway.call('POST', '/v1/downloads', {
      bucket: 'media',
      key: 'acme/alice/four',
      filename: 'b.jpg',
      expiresInSeconds: 60,
    })
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-store'])
    const { request, expiresAt } = await answer.json()
    expect(request).toMatchObject({ method: 'GET', headers: {} })
    expect(Date.parse(expiresAt) - gateway.clock.nowMs()).toBeLessThanOrEqual(60_000)
    const got = await fetch(request.url)
    expect([got.status, (await got.bytes()).length]).toEqual([200, 4])
    expect(got.headers.get('content-disposition')).toContain('attachment; filename="b.jpg"')
  })

  it('200: a batch gives its grants in order; 403 and none when one is forbidden', async () => {
    gateway = await gatewayOnStore(store)
    await withObjects(['a', 'bb', 'ccc'])
    const item = (key: string) => ({ bucket: 'media', key })
    const keys = ['bb', 'a', 'ccc'].map((name) => `acme/alice/${name}`)
    const batch = await gateway.call('POST', '/v1/downloads', { items: keys.map(item) })
    const { items } = await batch.json()
    const sizes = await Promise.all(
      items.map(async ({ request }: { request: { url: string } }) => {
        return (await (await fetch(request.url)).bytes()).length
      }),
    )
    expect(sizes).toEqual([2, 1, 3])
    const before = stateOf(gateway)
    const forbidden = { items: [...keys, 'acme/bob/x'].map(item) }
    const refused = await gateway.call('POST', '/v1/downloads', forbidden)
    await expectRefused(refused, { status: 403, code: 'AccessDenied' }, { gateway, before })
  })

  it('a batch of three is charged three times, and none is signed when two fit', async () => {
    const rate = { policy: 'r', per: 'user', requests: 5, windowSeconds: 3_600, burst: 5 }
    gateway = await gatewayOnStore(store, { plan: { rates: [rate], quotas: [] } })
    const items = [1, 2, 3].map((index) => ({ bucket: 'media', key: `acme/alice/${index}` }))
    const statuses = []
    for (const count of [3, 3, 2, 1]) {
      const body = { items: items.slice(0, count) }
      statuses.push((await gateway.call('POST', '/v1/downloads', body)).status)
    }
    expect(statuses).toEqual([200, 429, 200, 429])
  })

  it('307: an object’s path leads to it, and tells neither caches nor referrers', async () => {
    gateway = await gatewayOnStore(store)
    await withObjects(['four'])
    const answer = await gateway.call('GET', '/v1/objects/media/acme/alice/four')
    expect(answer.status).toBe(307)
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      vary: 'Authorization',
    })
    const got = await fetch(answer.headers.get('location') ?? '')
    expect([got.status, (await got.bytes()).length]).toEqual([200, 4])
  })

  it('200: HEAD tells size, type and ETag; 404 when it is not there, 403 beside one’s own', async () => {
    gateway = await gatewayOnStore(store)
    await withObjects(['four'])
    const head = (key: string) => gateway.call('HEAD', `/v1/objects/media/${key}`)
    const found = await head('acme/alice/four')
    expect([found.status, await found.text()]).toEqual([200, ''])
    expect(Object.fromEntries(found.headers)).toMatchObject({
      'content-length': '4',
      'content-type': 'image/jpeg',
      etag: expect.stringMatching(/^"[0-9a-f]{32}"$/),
    })
    expect((await head('acme/alice/none')).status).toBe(404)
    expect((await head('acme/bob/none')).status).toBe(403)
  })

  it('200: a list pages through what the caller may list, in order, and no further', async () => {
    gateway = await gatewayOnStore(store, {
      allow: { 'acme/alice': [{}, { prefix: 'acme/shared/', operations: ['list'] }] },
    })
    await withObjects(['a', 'b', 'c'])
    await gateway.putDirectly('acme/bob/secret', 1)
    await gateway.putDirectly('acme/shared/s', 1)
    await gateway.putDirectly('acme/alice/.signet-probe/reserved', 1)
    const keys: string[] = []
    let cursor: string | undefined
    let pages = 0
    do {
      const more = cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`
      const page = await get(`/v1/objects/media?prefix=acme/&limit=2${more}`)
      keys.push(...page.objects.map(({ key }: { key: string }) => key))
      cursor = page.nextCursor
      pages += 1
    } while (cursor !== undefined && pages < 10)
    expect(keys).toEqual(['acme/alice/a', 'acme/alice/b', 'acme/alice/c', 'acme/shared/s'])
    const refused = await gateway.call('GET', '/v1/objects/media?prefix=acme/bob/')
    await expectRefused(refused, { status: 403, code: 'AccessDenied' })
    const { nextCursor } = await get('/v1/objects/media?prefix=acme/alice/&limit=1')
    const foreign = await gateway.call(
      'GET',
      `/v1/objects/media?prefix=acme/shared/&limit=1&cursor=${nextCursor}`,
    )
    await expectRefused(foreign, { status: 400, code: 'InvalidRequest' })
  })
})

describe('the caller’s uploads', () => {
  it('are listed by status, page by page, each once, without a grant', async () => {
    gateway = await gatewayOnStore(embeddedStore())
    const made = { completed: [''], aborted: [''], rejected: [''], pending: [''] }
    for (const names of Object.values(made)) names.pop()
    for (let index = 0; index < 3; index += 1) {
      for (const [status, ids] of Object.entries(made)) {
        const upload = await gateway.create({ key: `acme/alice/${status}-${index}` })
        ids.push(upload.id)
        if (status === 'completed') await gateway.put(upload)
        if (status === 'rejected') {
          const signet = upload.request?.headers['x-amz-meta-signet'] ?? ''
          await gateway.putDirectly(upload.key, 1_001, { 'x-amz-meta-signet': signet })
        }
        if (status === 'aborted') await gateway.call('DELETE', `/v1/uploads/${upload.id}`)
        else if (status !== 'pending') await gateway.complete(upload.id)
      }
    }
    for (const [status, ids] of Object.entries(made)) {
      expect([status, await listed(status)]).toEqual([status, ids.toSorted(byId)])
    }
    for (const _ of [1, 2]) {
      gateway.clock.advance(UNTIL_RELEASED_MS)
      await gateway.sweepAll()
    }
    expect(await listed('pending')).toEqual([])
    expect(await listed('expired')).toEqual(made.pending.toSorted(byId))
    expect(await listed('aborted')).toEqual(made.aborted.toSorted(byId))
    const bob = await gateway.call('GET', '/v1/uploads?status=completed', undefined, {
      who: 'acme/bob',
    })
    expect(await bob.json()).toEqual({ uploads: [] })
  })

  it('400: a cursor of another status, of another caller, or edited', async () => {
    gateway = await gatewayOnStore(embeddedStore())
    for (const name of ['a', 'b']) await gateway.create({ key: `acme/alice/${name}` })
    const { nextCursor } = await get('/v1/uploads?limit=1')
    const path = `/v1/uploads?limit=1&cursor=${nextCursor}`
    expect((await gateway.call('GET', path)).status).toBe(200)
    const refusals = [
      await gateway.call('GET', `${path}&status=completed`),
      await gateway.call('GET', path, undefined, { who: 'acme/bob' }),
      await gateway.call('GET', `${path}A`),
    ]
    for (const answer of refusals) {
      await expectRefused(answer, { status: 400, code: 'InvalidRequest' })
    }
  })
})

const byId = (a: string, b: string) => (a < b ? -1 : 1)

/** Ids of all pages, two at a time. */
async function listed(status: string): Promise<string[]> {
  const ids: string[] = []
  let cursor: string | undefined
  do {
    const more = cursor === undefined ? '' : `&cursor=${cursor}`
    const page = await get(`/v1/uploads?status=${status}&limit=2${more}`)
    expect(JSON.stringify(page)).not.toContain('X-Amz')
    ids.push(...page.uploads.map(({ id }: { id: string }) => id))
    cursor = page.nextCursor
  } while (cursor !== undefined)
  return ids
}
