import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import type { Principal } from '../../src/auth/principal.ts'
import type { StoreClient } from '../../src/stores/store-client.ts'
import { type GatewayOnStore, gatewayOnStore } from '../gateway/gateway-on-store.ts'
import { NO_MULTIPART } from '../support/no-multipart.ts'
import { embeddedStore } from '../support/stores/stores-under-test.ts'
import { openTestGateway, type TestGateway, uploadBody } from '../support/test-gateway.ts'
import { openWatchedGateway, type WatchedGateway } from '../support/watched-gateway.ts'

const DENIED = { status: 403, code: 'AccessDenied' } as const
const WHOLE_BUCKET = { keys: { callerPrefix: '', wholeBucket: true } }
const RUNS = 100

let gateway: TestGateway
afterEach(() => gateway.close())

/** A store where nothing lies, which remembers what it was asked about. */
function emptyStore(): StoreClient & { asked: string[] } {
  const asked: string[] = []
  return {
    ...NO_MULTIPART,
    asked,
    async head({ key }) {
      asked.push(key.text)
      return { found: false }
    },
    async remove({ key }) {
      asked.push(key.text)
    },
    async list(_, { prefix }) {
      asked.push(prefix)
      return { objects: [] }
    },
  }
}

/** Whether the bytes of `text` begin with those of `prefix`: nothing of ours is asked. */
function begins(text: string, prefix: string): boolean {
  const bytes = Buffer.from(prefix)
  return Buffer.from(text).subarray(0, bytes.length).equals(bytes)
}

/** Alice, by a key with these prefixes: as many as there are runs, without a configuration each. */
function principalWith(prefixes: readonly string[]): Principal {
  const operations = new Set(['upload', 'download', 'list', 'delete'] as const)
  const permissions = prefixes.map((own) => ({
    operations,
    buckets: new Set(['media']),
    prefix: own,
  }))
  return { tenant: 'acme', user: 'alice', keyId: 'k', permissions }
}

const PASSED: Readonly<Record<string, number>> = {
  upload: 201,
  download: 200,
  open: 307,
  head: 404,
  delete: 204,
}

/** Every operation on one key; answers the statuses by operation. */
async function tryAll(key: string): Promise<Record<string, number>> {
  const path = `/v1/objects/media/${key.split('/').map(encodeURIComponent).join('/')}`
  const answers = {
    upload: gateway.call('POST', '/v1/uploads', uploadBody({ key })),
    download: gateway.call('POST', '/v1/downloads', { bucket: 'media', key }),
    open: gateway.call('GET', path),
    head: gateway.call('HEAD', path),
    delete: gateway.call('DELETE', path),
  }
  const statuses: Record<string, number> = {}
  for (const [name, answer] of Object.entries(answers)) {
    const response = await answer
    statuses[name] = response.status
    if (response.status !== 403) continue
    expect(await response.text()).not.toContain('X-Amz')
    expect(response.headers.has('location')).toBe(false)
  }
  return statuses
}

const name = fc.constantFrom('a', 'ab', 'abc', 'b', 'A', 'a b', 'a%2Fb', '\u00e9', 'e\u0301', '_')
const prefix = fc
  .tuple(name, fc.option(name, { nil: undefined }))
  .map(([first, second]) => (second === undefined ? `${first}/` : `${first}/${second}/`))
const key = fc
  .array(fc.oneof(name, fc.constantFrom('', '%2e%2e', 'x')), { minLength: 1, maxLength: 4 })
  .map((segments) => segments.join('/'))
  .filter((text) => text !== '' && !text.startsWith('/'))

describe('key spaces', () => {
  // Two seeds: one that is always the same, one that is printed by fast-check when it fails.
  it.each([1, undefined])(
    'P01 403: every key out of the own prefixes, by every operation (%s)',
    async (seed) => {
      const storeClient = emptyStore()
      gateway = await openTestGateway({ bucket: WHOLE_BUCKET, overrides: { storeClient } })
      const prefixes = fc.array(prefix, { minLength: 1, maxLength: 3 })
      const keys = fc.array(key, { minLength: 1, maxLength: 3 })
      const property = fc.asyncProperty(prefixes, keys, fc.array(key, { maxLength: 2 }), holdsFor)
      await fc.assert(property, { numRuns: RUNS, ...(seed !== undefined && { seed }) })

      async function holdsFor(own: string[], others: string[], tails: string[]): Promise<void> {
        Object.assign(gateway.context, { authenticate: () => principalWith(own) })
        storeClient.asked.length = 0
        const within = tails.map((tail, index) => `${own[index % own.length]}${tail}`)
        const parents = own.flatMap((each) => [each.slice(0, -1), `${each.slice(0, -1)}x/y`])
        for (const each of [...others, ...within, ...parents]) {
          const mine = own.some((permitted) => begins(each, permitted))
          const above = own.some((permitted) => begins(permitted, each))
          const expected = Object.entries(PASSED).map(([name, status]) => [
            name,
            mine ? status : 403,
          ])
          expect([each, await tryAll(each)]).toEqual([each, Object.fromEntries(expected)])
          const list = `/v1/objects/media?prefix=${encodeURIComponent(each)}`
          const { status } = await gateway.call('GET', list)
          expect([each, status]).toEqual([each, mine || above ? 200 : 403])
        }
        const foreign = storeClient.asked.filter(
          (asked) => !own.some((each) => begins(asked, each)),
        )
        expect(foreign).toEqual([])
      }
    },
  )

  it('P01 403: one tenant in the space of the other, and of a bucket of the other', async () => {
    const buckets = {
      private: {
        placements: [{ store: 'main', bucket: 'private' }],
        keys: { callerPrefix: '{tenant}/{user}/' },
      },
    }
    const watched = await openWatchedGateway({
      buckets,
      allow: { 'acme/alice': [{ buckets: ['media'] }] },
    })
    gateway = watched
    const object = '/v1/objects/media/globex/carol/cat.jpg'
    for (const [bucket, key] of [
      ['media', 'globex/carol/cat.jpg'],
      ['private', 'acme/alice/cat.jpg'],
      ['nowhere', 'acme/alice/cat.jpg'],
    ]) {
      await watched.refuse('POST', '/v1/uploads', uploadBody({ bucket, key }), DENIED)
      await watched.refuse('POST', '/v1/downloads', { bucket, key }, DENIED)
    }
    await watched.refuse('GET', object, undefined, DENIED)
    await watched.refuse('DELETE', object, undefined, DENIED)
    await watched.refuse('GET', '/v1/objects/media?prefix=globex/', undefined, DENIED)
    await watched.refuse('GET', '/v1/objects/private', undefined, DENIED)
    const hers = await gateway.call('GET', object, undefined, { who: 'globex/carol' })
    expect(hers.status).toBe(307)
  })
})

describe('what lies beside the own space', () => {
  const OBJECTS = ['acme/alice/a', 'acme/alice/b', 'acme/alicia/c', 'acme/bob/d', 'globex/carol/e']
  let store: GatewayOnStore

  async function openWithObjects(): Promise<void> {
    store = await gatewayOnStore(embeddedStore())
    gateway = store
    for (const each of OBJECTS) await store.putDirectly(each, 1)
  }

  const list = (query: string) => gateway.call('GET', `/v1/objects/media${query}`)

  it('P13 200: an empty or parent prefix shows what the caller may list, and nothing else', async () => {
    await openWithObjects()
    for (const query of ['', '?prefix=', '?prefix=acme', '?prefix=acme/', '?prefix=acme/alice/']) {
      const { objects } = await (await list(query)).json()
      const keys = objects.map(({ key: shown }: { key: string }) => shown)
      expect([query, keys]).toEqual([query, ['acme/alice/a', 'acme/alice/b']])
    }
  })

  it('P13 403 beside the own prefix; 400 for a prefix that no key could have', async () => {
    await openWithObjects()
    for (const query of ['acme/bob/', 'acme/alicia/', 'globex/', 'acme/Alice/', 'x']) {
      const refused = await list(`?prefix=${query}`)
      expect([query, refused.status, (await refused.json()).code]).toEqual([
        query,
        403,
        'AccessDenied',
      ])
    }
    const impossible = [
      'a/../b',
      '../',
      './',
      '/',
      '/acme',
      'a\\b',
      'a\u0000',
      'acme/alice/../bob/',
    ]
    for (const query of impossible) {
      const refused = await list(`?prefix=${encodeURIComponent(query)}`)
      expect([query, refused.status, (await refused.json()).code]).toEqual([
        query,
        400,
        'InvalidRequest',
      ])
    }
  })

  it('P14 the same 403 whether a forbidden object is there or not; 404 in the own space', async () => {
    await openWithObjects()
    for (const method of ['GET', 'HEAD', 'DELETE']) {
      const shown = new Set<string>()
      for (const each of ['acme/bob/d', 'acme/bob/none', 'globex/carol/e', 'nobody/x']) {
        const answer = await gateway.call(method, `/v1/objects/media/${each}`)
        expect(answer.status).toBe(403)
        const text = await answer.text()
        const headers = [...answer.headers].filter(([header]) => header !== 'x-request-id')
        const problem = text === '' ? undefined : { ...JSON.parse(text), requestId: undefined }
        shown.add(JSON.stringify([headers, problem]))
      }
      expect([method, shown.size]).toEqual([method, 1])
    }
    expect(await store.sizeAtStore('acme/bob/d')).toBe(1)
    const own = async (each: string) =>
      (await gateway.call('HEAD', `/v1/objects/media/acme/alice/${each}`)).status
    expect([await own('a'), await own('none')]).toEqual([200, 404])
  })
})

describe('permissions', () => {
  let watched: WatchedGateway

  it('P02 403: a read-only principal that uploads, overwrites, cuts in parts or deletes', async () => {
    watched = await openWatchedGateway({
      allow: { 'acme/alice': [{ operations: ['download', 'list'] }] },
    })
    gateway = watched
    for (const changes of [{}, { mode: 'multipart' }, { mode: 'post' }, { overwrite: true }]) {
      await watched.refuse('POST', '/v1/uploads', uploadBody(changes), DENIED)
      await watched.refuse('POST', '/v1/uploads?dryRun=true', uploadBody(changes), DENIED)
    }
    await watched.refuse('DELETE', '/v1/objects/media/acme/alice/cat.jpg', undefined, DENIED)
    const wanted = { bucket: 'media', key: 'acme/alice/cat.jpg' }
    expect((await gateway.call('POST', '/v1/downloads', wanted)).status).toBe(200)
  })

  it('P02 403: a principal that may upload and overwrites; a write-only one that reads', async () => {
    watched = await openWatchedGateway({ allow: { 'acme/alice': [{ operations: ['upload'] }] } })
    gateway = watched
    await watched.refuse('POST', '/v1/uploads', uploadBody({ overwrite: true }), DENIED)
    const wanted = { bucket: 'media', key: 'acme/alice/cat.jpg' }
    await watched.refuse('POST', '/v1/downloads', wanted, DENIED)
    await watched.refuse('GET', '/v1/objects/media', undefined, DENIED)
    await watched.refuse('GET', '/v1/objects/media/acme/alice/cat.jpg', undefined, DENIED)
    expect((await gateway.call('POST', '/v1/uploads', uploadBody())).status).toBe(201)
  })

  it('P05 403: a version without permission for versions', async () => {
    const wanted = { bucket: 'media', key: 'acme/alice/cat.jpg', versionId: 'v1' }
    watched = await openWatchedGateway({
      allow: { 'acme/bob': [{ operations: ['download', 'versions'] }] },
    })
    gateway = watched
    await watched.refuse('POST', '/v1/downloads', wanted, DENIED)
    const allowed = await gateway.call(
      'POST',
      '/v1/downloads',
      { ...wanted, key: 'acme/bob/cat.jpg' },
      { who: 'acme/bob' },
    )
    expect((await allowed.json()).request.url).toContain('versionId=v1')
  })
})
