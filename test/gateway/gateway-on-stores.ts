import { openMemoryLedger } from '../../src/ledger/memory.ts'
import type { Ledger } from '../../src/ledger/port.ts'
import { createLogger } from '../../src/log.ts'
import { openMemoryState } from '../../src/state/memory.ts'
import type { StateStore } from '../../src/state/port.ts'
import type { KeyRule } from '../../src/stores/bucket.ts'
import { createStoreClient } from '../../src/stores/s3-client.ts'
import type { Placement } from '../../src/stores/store.ts'
import { createStoreHealth } from '../../src/stores/store-health.ts'
import {
  cephStore,
  createTestBucket,
  embeddedStore,
  type StoreUnderTest,
  storeClient,
  swiftStore,
} from '../support/stores/stores-under-test.ts'
import { TestClock } from '../support/test-clock.ts'
import {
  openTestGateway,
  type TestGateway,
  type TestGatewayOptions,
  uploadBody,
} from '../support/test-gateway.ts'
import { type Created, followingClock, storeSettings, sweepAll } from './gateway-on-store.ts'

/** Names of the two stores, in the order of the bucket's placements. */
export type StoreName = 'near' | 'far'

/** A gateway whose bucket `media` has placements at two real stores, `near` and `far`. */
export interface GatewayOnStores extends TestGateway {
  /** The stores' own buckets. */
  readonly storeBuckets: Readonly<Record<StoreName, string>>
  /** No call of the gateway's own reaches the store any more, and it has shown so: it is down. */
  takeAway(name: StoreName): Promise<void>
  /** The next call fails; nobody knows it yet. */
  cut(name: StoreName): void
  /** Calls reach it, and one has. */
  bringBack(name: StoreName): Promise<void>
  /** The gateway's own requests so far: method, store, and what it was about. */
  readonly calls: string[]
  /** An object put past the gateway. */
  put(name: StoreName, key: string, bytes: number): Promise<void>
  /** Size at the store itself; `undefined` when it is not there. */
  sizeAt(name: StoreName, key: string): Promise<number | undefined>
  /** Reserves an upload and sends it by its grant; answers where it went. */
  upload(changes?: Readonly<Record<string, unknown>>): Promise<Created & { at: StoreName }>
  /** The same, and completes it. */
  settled(changes?: Readonly<Record<string, unknown>>): Promise<Created & { at: StoreName }>
  complete(id: string): Promise<Response>
  /** Where a URL leads. */
  storeOf(url: string): StoreName
  /** Where a download is signed for. */
  downloadedFrom(key: string): Promise<StoreName>
  /** Bytes in what a download’s link gives. */
  download(key: string): Promise<number>
  /** Puts other placements in force, as a changed file does. */
  place(change: (placements: readonly Placement[]) => readonly Placement[], keys?: KeyRule): void
  /** For another gateway of the same installation. */
  readonly shared: SharedPorts
  /** Names of all documents that say where an object is. */
  records(): Promise<readonly string[]>
  sweepAll(): Promise<number>
  stored(): Promise<number>
}

/** What two gateways have in common. */
export interface SharedPorts {
  readonly clock: TestClock
  readonly ledger: Ledger
  readonly state: StateStore
  readonly storeBuckets?: Readonly<Record<StoreName, string>>
}

/** Two real stores, named. */
export interface StorePair {
  readonly name: string
  readonly near: StoreUnderTest
  readonly far: StoreUnderTest
}

/** The embedded store twice, and two servers of different make where they can be had. */
export function storePairs(): readonly StorePair[] {
  const embedded = embeddedStore()
  const ceph = cephStore()
  const swift = swiftStore()
  const pair = { name: 'two buckets of one server', near: embedded, far: embedded }
  if (ceph === undefined || swift === undefined) return [pair]
  return [pair, { name: 'Ceph and Swift', near: ceph, far: swift }]
}

function portsOf(clock = new TestClock(Date.now())): SharedPorts {
  return { clock, ledger: openMemoryLedger({ clock }), state: openMemoryState() }
}

/** More than the breaker takes. */
const FAILURES = 5
/** After which an open breaker lets a call try, in milliseconds. */
const TRIAL_MS = 10_000

/** Opens a gateway on two stores; its clock moves only when a test moves it. */
export async function gatewayOnStores(
  { near, far }: Pick<StorePair, StoreName>,
  options: TestGatewayOptions = {},
  shared: SharedPorts = portsOf(options.clock),
): Promise<GatewayOnStores> {
  const stores = { near, far }
  const buckets = shared.storeBuckets ?? {
    near: await createTestBucket(near),
    far: await createTestBucket(far),
  }
  const { clock, ledger, state } = shared
  const away = new Set<StoreName>()
  const calls: string[] = []
  const storeOf = (url: string): StoreName => {
    const [, bucket] = new URL(url).pathname.split('/')
    return bucket === buckets.near ? 'near' : 'far'
  }
  const storeHealth = createStoreHealth({ clock, log: createLogger({ write() {}, clock }) })
  const client = createStoreClient({
    health: storeHealth,
    async fetch(url, init) {
      const name = storeOf(url)
      calls.push(`${init.method} ${name}`)
      if (away.has(name)) throw new TypeError('fetch failed')
      return fetch(url, init)
    },
  })
  const gateway = await openTestGateway({
    ...options,
    clock,
    stores: { near: storeSettings(near), far: storeSettings(far) },
    bucket: {
      placements: [
        { store: 'near', bucket: buckets.near },
        { store: 'far', bucket: buckets.far },
      ],
      ...options.bucket,
    },
    allow: {
      'acme/alice': [{ operations: ['upload', 'overwrite', 'download', 'list', 'delete'] }],
      ...options.allow,
    },
    overrides: {
      storeHealth,
      storeClient: followingClock(client, clock),
      ledger,
      state,
      ...options.overrides,
    },
  })
  const { context } = gateway
  const look = async (name: StoreName) => {
    const [first, second] = context.config.buckets.get('media')?.placements ?? []
    const placement = name === 'near' ? first : second
    if (placement === undefined) throw new Error(`No placement at "${name}"`)
    await context.storeClient.headBucket(placement)
  }
  const urlOf = (name: StoreName, key: string) => `${stores[name].endpoint}/${buckets[name]}/${key}`
  const signFor = async (key: string) => {
    const answer = await gateway.call('POST', '/v1/downloads', { bucket: 'media', key })
    if (answer.status !== 200) throw new Error(`${answer.status}: ${await answer.text()}`)
    return (await answer.json()).request.url as string
  }
  const complete = (id: string) => gateway.call('POST', `/v1/uploads/${id}/complete`, {})
  const upload = async (changes: Readonly<Record<string, unknown>> = {}) => {
    const answer = await gateway.call('POST', '/v1/uploads', uploadBody(changes))
    if (answer.status !== 201) throw new Error(`${answer.status}: ${await answer.text()}`)
    const created = (await answer.json()) as Created
    if (created.request === undefined) throw new Error('the upload has no grant')
    const { url, headers } = created.request
    const body = new Uint8Array(Number(changes.sizeBytes ?? 1_000))
    const put = await fetch(url, { method: 'PUT', headers, body })
    if (!put.ok) throw new Error(`Cannot put: ${put.status} ${await put.text()}`)
    await put.bytes()
    return { ...created, at: storeOf(url) }
  }
  return {
    ...gateway,
    storeBuckets: buckets,
    calls,
    storeOf,
    complete,
    upload,
    cut: (name) => {
      away.add(name)
    },
    async takeAway(name) {
      away.add(name)
      for (let n = 0; n < FAILURES; n += 1) await look(name).catch(() => {})
      if (!storeHealth.isDown(name)) throw new Error(`"${name}" is not down`)
    },
    async bringBack(name) {
      away.delete(name)
      clock.advance(TRIAL_MS)
      await look(name)
    },
    async put(name, key, bytes) {
      const answer = await storeClient(stores[name]).fetch(urlOf(name, key), {
        method: 'PUT',
        headers: { 'content-type': 'image/jpeg' },
        body: new Uint8Array(bytes),
      })
      await answer.bytes()
      if (!answer.ok) throw new Error(`Cannot put directly: ${answer.status}`)
    },
    async sizeAt(name, key) {
      const head = await storeClient(stores[name]).fetch(urlOf(name, key), { method: 'HEAD' })
      return head.status === 404 ? undefined : Number(head.headers.get('content-length'))
    },
    async settled(changes) {
      const created = await upload(changes)
      const answer = await complete(created.id)
      if (answer.status !== 200) throw new Error(`${answer.status}: ${await answer.text()}`)
      await answer.body?.cancel()
      return created
    },
    downloadedFrom: async (key) => storeOf(await signFor(key)),
    async download(key) {
      const got = await fetch(await signFor(key))
      const bytes = (await got.bytes()).length
      if (got.status !== 200) throw new Error(`Cannot download: ${got.status}`)
      return bytes
    },
    async records() {
      const documents = await context.state.list({ kind: 'placed', limit: 1_000 })
      return documents.map(({ value }) => JSON.parse(value)[0].split('/', 1)[0])
    },
    sweepAll: () => sweepAll(context),
    shared: { ...shared, storeBuckets: buckets },
    place(change, keys) {
      const { file, secrets } = context.live
      const media = file.buckets.get('media')
      const [first, ...others] = change(media?.placements ?? [])
      if (media === undefined || first === undefined) throw new Error('no placement')
      const placements = [first, ...others] as const
      const changed = { ...media, placements, ...(keys !== undefined && { keys }) }
      const config = { ...file, buckets: new Map([...file.buckets, ['media', changed]]) }
      context.live.replaceFile({ config: config as typeof file, secrets })
    },
    async stored() {
      const answer = await gateway.call('GET', '/v1/usage')
      const { limits } = (await answer.json()) as { limits: { policy: string; used: number }[] }
      return limits.find(({ policy }) => policy === 'tenant-stored')?.used ?? Number.NaN
    },
  }
}
