import { describe, expect, it } from 'vitest'
import { expectRefused } from '../support/expect-refused.ts'
import { type StoreStub, startStoreStub } from '../support/store-stub.ts'
import { CAPABLE_STORE } from '../support/test-config.ts'
import { openTestGateway, type TestGateway, uploadBody } from '../support/test-gateway.ts'

const CAPABILITIES = {
  ...CAPABLE_STORE.capabilities,
  multipart: 'yes',
  writeOnceMultipart: 'yes',
  postPolicy: 'yes',
}
/** Nobody but Signet names objects: each is where it was granted, and nowhere else. */
const KEYS = { template: '{tenant}/{user}/{uuid}-{filename}' }
const FIRST = { store: 'main', bucket: 'first' }
const SECOND = { store: 'second', bucket: 'second' }

/** Every way to have several placements; in each the first two may have alice's objects. */
const STRATEGIES: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
  ['primary', { placements: [FIRST, SECOND] }],
  [
    'weighted',
    {
      placing: { strategy: 'weighted' },
      placements: [
        { ...FIRST, weight: 3 },
        { ...SECOND, weight: 1 },
      ],
    },
  ],
  [
    'by tenant',
    {
      placements: [
        { ...FIRST, takes: { tenants: ['acme'] } },
        { ...SECOND, takes: { tenants: ['acme', 'globex'] } },
      ],
    },
  ],
  [
    'by region of the caller',
    {
      placements: [
        { ...FIRST, takes: { regions: ['eu'] } },
        { ...SECOND, takes: { regions: ['eu', 'us'] } },
      ],
    },
  ],
  [
    'by size',
    {
      placements: [
        { ...FIRST, takes: { maxSizeBytes: 5_000 } },
        { ...SECOND, takes: { minSizeBytes: 10 } },
      ],
    },
  ],
  [
    'by type',
    {
      placements: [{ ...FIRST, takes: { contentTypes: ['image/*'] } }, SECOND],
    },
  ],
]
const MODES = ['refuse', 'blackhole'] as const

/** A store that nobody listens at, or one that takes everything and never answers. */
async function storeIn(mode: (typeof MODES)[number]): Promise<StoreStub> {
  const stub = await startStoreStub('blackhole')
  if (mode === 'refuse') await stub[Symbol.asyncDispose]()
  return stub
}

describe.each(MODES)('stores that are down: %s', (mode) => {
  it.each(STRATEGIES)(
    'R27 %s: put, form and download links are issued without any call to them; parts are 503, and charge nothing',
    async (_name, bucket) => {
      await using stores = new AsyncDisposableStack()
      const stubs = [stores.use(await storeIn(mode)), stores.use(await storeIn(mode))]
      const [main, second] = stubs
      const common = { timeoutMs: 200, capabilities: CAPABILITIES }
      const gateway = await openTestGateway({
        store: { endpoint: main?.url, ...common },
        stores: { second: { endpoint: second?.url, ...common } },
        bucket: { keys: KEYS, ...bucket, upload: { writeOnce: false } },
        server: { callerRegion: { networks: { eu: ['192.0.2.0/24'] } } },
      })
      stores.defer(() => gateway.close())
      const puts = await Promise.all(Array.from({ length: 12 }, () => upload(gateway)))
      const form = await upload(gateway, { mode: 'post' })
      const made = await Promise.all(puts.map(grantOf))
      const downloads = await Promise.all(
        made.map(({ key }) => ask(gateway, 'POST', '/v1/downloads', { bucket: 'media', key })),
      )
      const opened = await ask(gateway, 'GET', `/v1/objects/media/${made[0]?.key}`)
      expect(new Set([...puts, form].map(({ status }) => status))).toEqual(new Set([201]))
      expect(new Set(downloads.map(({ status }) => status))).toEqual(new Set([200]))
      expect(opened.status).toBe(307)
      expect(stubs.map((stub) => stub.connections())).toEqual([0, 0])
      expect(await storeCalls(gateway.context.readMetrics)).toBe(0)
      // Whoever downloads is sent where the upload was sent.
      const led = await Promise.all(downloads.map(grantOf))
      expect(led.map(({ storeBucket }) => storeBucket)).toEqual(
        made.map(({ storeBucket }) => storeBucket),
      )

      const before = await usage(gateway)
      const refusal = { status: 503, code: 'StoreUnavailable' } as const
      await expectRefused(await upload(gateway, { mode: 'multipart' }), refusal)
      expect(await usage(gateway)).toEqual(before)
    },
  )
})

it('R27 where callers name objects: a link waits a moment for a store that hangs, however long its calls may take', async () => {
  await using hung = await startStoreStub('blackhole')
  await using empty = await startStoreStub(404)
  const gateway = await openTestGateway({
    // Longer than this test may take.
    store: { endpoint: hung.url, timeoutMs: 60_000, capabilities: CAPABILITIES },
    stores: { second: { endpoint: empty.url, capabilities: CAPABILITIES } },
    bucket: { placements: [FIRST, SECOND] },
  })
  await using _ = { [Symbol.asyncDispose]: () => gateway.close() }
  const link = { bucket: 'media', key: 'acme/alice/cat.jpg' }
  const answer = await ask(gateway, 'POST', '/v1/downloads', link)
  expect(answer.status).toBe(200)
  expect((await grantOf(answer)).storeBucket).toBe('first')
  expect([hung.requests(), empty.requests()]).toEqual([1, 1])
}, 10_000)

/** A request of alice from a network in the region "eu". */
function ask(gateway: TestGateway, method: string, path: string, body?: unknown) {
  return gateway.app.request(
    path,
    {
      method,
      headers: {
        authorization: `Bearer ${gateway.key()}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    },
    { incoming: { socket: { remoteAddress: '192.0.2.1' } } },
  )
}

function upload(gateway: TestGateway, changes: Readonly<Record<string, unknown>> = {}) {
  const { key: _, ...body } = uploadBody({ filename: 'cat.jpg', ...changes })
  return ask(gateway, 'POST', '/v1/uploads', body)
}

/** The object's key, and the store's own bucket that its link leads to. */
async function grantOf(answer: Response) {
  const { key, request } = (await answer.json()) as { key: string; request: { url: string } }
  return { key, storeBucket: new URL(request.url).pathname.split('/')[1] }
}

async function usage(gateway: TestGateway) {
  const { limits } = await (await gateway.call('GET', '/v1/usage')).json()
  return limits.filter(({ unit }: { unit: string }) => unit !== 'requests')
}

/** Calls to stores, by the gateway's own count. */
async function storeCalls(readMetrics: (() => Promise<string>) | undefined): Promise<number> {
  const text = (await readMetrics?.()) ?? ''
  const lines = text.split('\n').filter((line) => /^signet_store_calls\w*\{/.test(line))
  return lines.reduce((sum, line) => sum + Number(/\} (\d+)/.exec(line)?.[1] ?? 0), 0)
}
