import { sweep } from '../../src/gateway/sweep.ts'
import type { AppContext } from '../../src/http/app-context.ts'
import { createStoreClient } from '../../src/stores/s3-client.ts'
import type { StoreClient } from '../../src/stores/store-client.ts'
import {
  createTestBucket,
  type StoreUnderTest,
  storeClient,
} from '../support/stores/stores-under-test.ts'
import { TestClock } from '../support/test-clock.ts'
import {
  openTestGateway,
  type TestGateway,
  type TestGatewayOptions,
} from '../support/test-gateway.ts'

/** What a test's gateway needs of the API's answers. */
export interface Created {
  readonly id: string
  readonly key: string
  readonly status: string
  readonly expiresAt: string
  readonly request?: { readonly url: string; readonly headers: Record<string, string> }
}

export interface LimitLevel {
  readonly used: number
  readonly pending: number
}

/** A gateway whose only store is a real one, with a bucket of its own. */
export interface GatewayOnStore extends TestGateway {
  /** The store's own bucket. */
  readonly storeBucket: string
  readonly store: StoreUnderTest
  /** POST /v1/uploads; throws unless it is 201. */
  create(
    body?: Readonly<Record<string, unknown>>,
    headers?: Record<string, string>,
  ): Promise<Created>
  /** The client's PUT by its grant; answers the store's status. */
  put(upload: Created, bytes?: number): Promise<number>
  /** An object put past the gateway, with the store's own credential. */
  putDirectly(key: string, bytes: number, headers?: Record<string, string>): Promise<void>
  complete(id: string): Promise<Response>
  /** Levels of every limit, by policy. */
  usage(who?: string): Promise<Record<string, LimitLevel>>
  status(id: string): Promise<string>
  /** Sweeps until nothing is due; answers how many reservations ended. */
  sweepAll(): Promise<number>
  /** Size at the store, or `undefined` when the object is not there. */
  sizeAtStore(key: string): Promise<number | undefined>
}

/** Longest transfer of the store, in seconds: short numbers keep tests readable. */
export const MAX_TRANSFER_SECONDS = 60
/** Default lifetime of a grant, in milliseconds. */
export const GRANT_MS = 300_000
/** From the end of the URL to `exp`: the longest transfer and a minute. */
export const AFTER_URL_MS = MAX_TRANSFER_SECONDS * 1000 + 60_000
/** From a grant's beginning until its reservation has certainly been looked at for the last time. */
export const UNTIL_RELEASED_MS = GRANT_MS + AFTER_URL_MS + 10_000

/** Settings of a real store for a gateway: what it was measured to keep. */
export function storeSettings(store: StoreUnderTest): Record<string, unknown> {
  const { endpoint, region } = store
  const common = { endpoint, region, maxTransferSeconds: MAX_TRANSFER_SECONDS }
  if (store.kind === 'embedded') {
    return {
      ...common,
      provider: 'embedded',
      credentials: store.credentials.main,
      capabilities: {},
    }
  }
  if (store.kind === 'swift') {
    return {
      ...common,
      provider: 'swift',
      credentials: store.credentials.main,
      // Its only key reads, and its copy hole is open.
      allowReadableWriteCredential: true,
      // Measured on 2.30.1: 501 for the condition, 403 for right and wrong bytes alike.
      capabilities: { writeOnce: 'refused', checksumSha256: 'no', payloadHash: 'no' },
    }
  }
  const { main, write, read } = store.credentials
  return {
    ...common,
    provider: 'ceph',
    credentials: { write, read, manage: main },
    // Measured on 16.2.15; a write-only key closes the copy hole.
    capabilities: { writeOnce: 'if-none-match', ifMatch: 'bare', writeCredentialReads: 'no' },
  }
}

/**
 * Opens a gateway on a real store. Its clock moves only when a test moves it, and what it sees of the
 * store's `Date` moves along; signatures of its own calls have real dates.
 */
export async function gatewayOnStore(
  store: StoreUnderTest,
  options: TestGatewayOptions & { readonly onClient?: (client: StoreClient) => StoreClient } = {},
): Promise<GatewayOnStore> {
  const storeBucket = await createTestBucket(store)
  const clock = options.clock ?? new TestClock(Date.now())
  const { onClient = (client) => client } = options
  const client = onClient(followingClock(createStoreClient({ fetch }), clock))
  const gateway = await openTestGateway({
    ...options,
    clock,
    store: { ...storeSettings(store), ...options.store },
    bucket: { placements: [{ store: 'main', bucket: storeBucket }], ...options.bucket },
    overrides: { storeClient: client, ...options.overrides },
  })
  const direct = storeClient(store)
  const urlOf = (key: string) => `${store.endpoint}/${storeBucket}/${key}`
  return {
    ...gateway,
    storeBucket,
    store,
    async create(body, headers = {}) {
      const response = await gateway.call('POST', '/v1/uploads', uploadOf(body), { headers })
      if (response.status !== 201) throw new Error(`${response.status}: ${await response.text()}`)
      return (await response.json()) as Created
    },
    async put({ request }, bytes = 1_000) {
      if (request === undefined) throw new Error('the upload has no grant')
      const body = new Uint8Array(bytes)
      const answer = await fetch(request.url, { method: 'PUT', headers: request.headers, body })
      await answer.bytes()
      return answer.status
    },
    async putDirectly(key, bytes, headers = {}) {
      const body = new Uint8Array(bytes)
      const answer = await direct.fetch(urlOf(key), { method: 'PUT', headers, body })
      if (!answer.ok) throw new Error(`Cannot put directly: ${answer.status}`)
      await answer.bytes()
    },
    complete: (id) => gateway.call('POST', `/v1/uploads/${id}/complete`, {}),
    async usage(who) {
      const answer = await gateway.call(
        'GET',
        '/v1/usage',
        undefined,
        who === undefined ? {} : { who },
      )
      const { limits } = (await answer.json()) as { limits: ({ policy: string } & LimitLevel)[] }
      return Object.fromEntries(
        limits.map(({ policy, used, pending }) => [policy, { used, pending }]),
      )
    },
    async status(id) {
      const answer = await gateway.call('GET', `/v1/uploads/${id}`)
      return ((await answer.json()) as { status: string }).status
    },
    sweepAll: () => sweepAll(gateway.context),
    async sizeAtStore(key) {
      const head = await direct.fetch(urlOf(key), { method: 'HEAD' })
      return head.status === 404 ? undefined : Number(head.headers.get('content-length'))
    },
  }
}

/** Sweeps until nothing is due any more. */
export async function sweepAll(context: AppContext): Promise<number> {
  let ended = 0
  for (;;) {
    const result = await sweep(context)
    ended += result.ended
    if (result.claimed === 0) return ended
  }
}

/** The ticket header of a grant, to put an object past the gateway that looks like the upload's. */
export function ticketOf({ request }: Created): Record<string, string> {
  return { 'x-amz-meta-signet': request?.headers['x-amz-meta-signet'] ?? '' }
}

/** What is seen of a store’s time moves with the clock of a test. */
export function followingClock(client: StoreClient, clock: TestClock): StoreClient {
  return {
    ...client,
    async head(place, versionId) {
      const head = await client.head(place, versionId)
      return { ...head, storeNowMs: clock.nowMs() }
    },
  }
}

function uploadOf(changes: Readonly<Record<string, unknown>> = {}) {
  return {
    bucket: 'media',
    key: 'acme/alice/cat.jpg',
    sizeBytes: 1_000,
    contentType: 'image/jpeg',
    ...changes,
  }
}
