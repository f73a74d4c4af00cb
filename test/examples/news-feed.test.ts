import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createApiKey, hashApiKey } from '../../src/auth/api-key.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { keepStoreTruth } from '../../src/gateway/keep-store-truth.ts'
import { createApp } from '../../src/http/create-app.ts'
import { openMemoryLedger } from '../../src/ledger/memory.ts'
import { createLogger } from '../../src/log.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { openContext } from '../../src/runtime/open-context.ts'
import { Secret } from '../../src/secret.ts'
import {
  describeOnCeph,
  type SharedCeph,
  storeClient,
} from '../support/stores/stores-under-test.ts'
import { TestClock } from '../support/test-clock.ts'

const FILE = join(import.meta.dirname, '../../config/examples/news-feed.yaml')
const PEPPER = 'pepper-of-the-news-feed-0123456789abcdef'
const KIB = 1024
const MIB = 1024 * KIB
const TEN_MINUTES_MS = 600_000

const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))
// The ids that the file names.
const KEY_IDS = { alice: 'alice1', bob: 'bob1', app: 'server1' }
const apiKeys = new Map(
  Object.entries(KEY_IDS).map(([name, id]) => [name, createApiKey(random, id)]),
)

interface Link {
  readonly request: { readonly url: string; readonly headers: Record<string, string> }
}
interface Post extends Link {
  readonly id: string
  readonly key: string
}

/** The example file itself, on a real store; whatever differs by installation from its environment. */
async function openFeed(ceph: SharedCeph, clock: TestClock) {
  const { main, write, read } = ceph.credentials
  const hashOf = (name: string) =>
    hashApiKey(
      nodeHashing,
      { version: 1, secret: new Secret(PEPPER) },
      apiKeys.get(name) ?? new Secret(''),
    )
  const { config, secrets } = await loadConfig(await readFile(FILE, 'utf8'), FILE, {
    env: {
      SIGNET_PEPPER: PEPPER,
      SIGNET_TICKET_KEY: 'ticket-key-of-the-news-feed-9876543210fedcba',
      SIGNET_ADMIN_TOKEN: 'Adm1n-token-of-the-news-feed-7c1e5b93a2d80f46',
      STORE_ENDPOINT: ceph.endpoint,
      STORE_WRITE_KEY_ID: write.accessKeyId,
      STORE_WRITE_SECRET: write.secretAccessKey,
      STORE_READ_KEY_ID: read.accessKeyId,
      STORE_READ_SECRET: read.secretAccessKey,
      STORE_MANAGE_KEY_ID: main.accessKeyId,
      STORE_MANAGE_SECRET: main.secretAccessKey,
      ALICE_KEY_HASH: hashOf('alice'),
      BOB_KEY_HASH: hashOf('bob'),
      APP_SERVER_KEY_HASH: hashOf('app'),
    },
    readText: (path) => readFile(path, 'utf8'),
    hashing: nodeHashing,
  })
  const closing = new AsyncDisposableStack()
  const context = await openContext(config, secrets, closing, {
    clock,
    ledger: openMemoryLedger({ clock }),
    audit: { append: async () => {}, query: async () => ({ events: [] }), close: async () => {} },
    log: createLogger({ write: () => {}, clock }),
  })
  const truth = keepStoreTruth(context, { startWaitMs: 30_000 })
  closing.defer(() => truth.stop())
  await truth.settled
  const app = createApp(context)
  const call = async (who: string, method: string, path: string, body?: unknown) =>
    app.request(path, {
      method,
      headers: {
        authorization: `Bearer ${apiKeys.get(who)?.reveal()}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  return { call, close: () => closing.disposeAsync() }
}

function picture(name: string, sizeBytes: number) {
  return { bucket: 'posts', filename: name, sizeBytes, contentType: 'image/jpeg' }
}

function video(name: string, sizeBytes: number) {
  return { bucket: 'posts', filename: name, sizeBytes, contentType: 'video/mp4' }
}

describeOnCeph('a news feed on the example configuration', (ceph) => {
  const image = new Uint8Array(300 * KIB).map((_, index) => index % 241)
  const film = new Uint8Array(8 * MIB).map((_, index) => index % 251)
  let feed: Awaited<ReturnType<typeof openFeed>>
  let posts: Post[]

  async function ask(who: string, wanted: unknown): Promise<Post> {
    const response = await feed.call(who, 'POST', '/v1/uploads', wanted)
    expect(response.status).toBe(201)
    return (await response.json()) as Post
  }

  beforeAll(async () => {
    await storeClient(ceph).fetch(`${ceph.endpoint}/news-feed`, { method: 'PUT' })
    feed = await openFeed(ceph, new TestClock(Date.now()))
    posts = [
      await ask('alice', picture('cat.jpg', image.length)),
      await ask('alice', video('cat.mp4', film.length)),
    ]
  })
  afterAll(() => feed.close())

  it('lets a person post a picture and a video: the bytes go straight to the store', async () => {
    for (const [index, bytes] of [image, film].entries()) {
      const { request, id } = posts[index] as Post
      expect(new URL(request.url).origin).toBe(ceph.endpoint)
      const sent = { method: 'PUT', headers: request.headers, body: bytes }
      expect((await fetch(request.url, sent)).status).toBe(200)
      const done = await feed.call('alice', 'POST', `/v1/uploads/${id}/complete`, {})
      expect(done.status).toBe(200)
      expect(await done.json()).toMatchObject({ status: 'completed', sizeBytes: bytes.length })
    }
  })

  it('shows the timeline through pre-signed GETs that the app server asks for', async () => {
    const items = posts.map(({ key }) => ({ bucket: 'posts', key, disposition: 'inline' }))
    const response = await feed.call('app', 'POST', '/v1/downloads', { items })
    const links = ((await response.json()) as { items: Link[] }).items
    const shown = await Promise.all(
      links.map(async ({ request }) => (await fetch(request.url)).bytes()),
    )
    expect(shown.map((bytes) => Buffer.from(bytes).equals(image))).toEqual([true, false])
    expect(shown.map((bytes) => Buffer.from(bytes).equals(film))).toEqual([false, true])
  })

  it('fails an expired link', async () => {
    const past = await openFeed(ceph, new TestClock(Date.now() - TEN_MINUTES_MS))
    const wanted = { bucket: 'posts', key: posts[0]?.key, expiresInSeconds: 60 }
    const response = await past.call('app', 'POST', '/v1/downloads', wanted)
    expect(response.status).toBe(200)
    const { request } = (await response.json()) as Link
    expect((await fetch(request.url)).status).toBe(403)
    await past.close()
  })

  it('refuses another user a link for the same key', async () => {
    const wanted = { bucket: 'posts', key: posts[0]?.key }
    const response = await feed.call('bob', 'POST', '/v1/downloads', wanted)
    expect([response.status, (await response.json()).code]).toEqual([403, 'AccessDenied'])
    expect((await feed.call('bob', 'GET', `/v1/uploads/${posts[0]?.id}`)).status).toBe(404)
  })

  it('stops the next video by the daily quota, and says what is left and when it resets', async () => {
    await ask('alice', video('long.mp4', 64 * MIB))
    const response = await feed.call('alice', 'POST', '/v1/uploads', video('next.mp4', 60 * MIB))
    expect(response.status).toBe(429)
    const left = 128 * MIB - 64 * MIB - 8 * MIB - 300 * KIB
    const problem = await response.json()
    expect(problem.code).toBe('QuotaExceeded')
    expect(problem.violations).toMatchObject([
      { policy: 'upload-bytes-today', limit: 128 * MIB, requested: 60 * MIB, pending: 64 * MIB },
    ])
    expect(problem.detail).toContain(`"upload-bytes-today" (${left} of ${128 * MIB} bytes left`)
    expect(problem.detail).toMatch(/try again at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/)
    const waitSeconds = Number(response.headers.get('retry-after'))
    expect(waitSeconds).toBeGreaterThan(0)
    expect(waitSeconds).toBeLessThanOrEqual(25 * 3_600)
    // What fits still goes, and nobody else is held up.
    await ask('alice', picture('small.jpg', 300 * KIB))
    await ask('bob', video('mine.mp4', 60 * MIB))
  })
})
