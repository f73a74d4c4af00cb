import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { keepStoreTruth } from '../../src/gateway/keep-store-truth.ts'
import { openMemoryState } from '../../src/state/memory.ts'
import type { StateDocument, StateStore } from '../../src/state/port.ts'
import type { SendRequest } from '../../src/stores/signed-call.ts'
import { startHostileStore } from '../support/hostile-store/hostile-store.ts'
import {
  createTestBucket,
  describeOnCeph,
  embeddedStore,
  keepVersions,
  type StoreUnderTest,
} from '../support/stores/stores-under-test.ts'
import { TestClock } from '../support/test-clock.ts'
import { TEST_ADMIN_TOKEN } from '../support/test-config.ts'
import { openTestGateway, type TestGateway, uploadBody } from '../support/test-gateway.ts'
import { until } from '../support/until.ts'

const DAY_MS = 86_400_000
/** Requests that no look sends, and every probe. */
const A_FEW = 20

interface StartOptions {
  readonly store?: Pick<StoreUnderTest, 'endpoint' | 'region' | 'credentials'>
  /** The store's own bucket. */
  readonly bucket: string
  /** Members of the store's settings. */
  readonly settings?: Readonly<Record<string, unknown>>
  readonly buckets?: Readonly<Record<string, unknown>>
  readonly state?: StateStore
  readonly clock?: TestClock
  /** Default: the real `fetch`. */
  readonly send?: SendRequest
  /** Default: an hour. */
  readonly otherServerMs?: number
}

/** A gateway whose start is over: what could be looked at has been. */
interface Started {
  readonly gateway: TestGateway
  /** Looks into the state store so far. */
  looked(): number
  /** Signed requests that the probe sent so far. */
  sent(): number
  /** Lines of the log with an event. */
  told(event: string): readonly Record<string, unknown>[]
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

async function start(options: StartOptions): Promise<Started> {
  const { store = embeddedStore(), bucket, settings, buckets, send = fetch } = options
  const { state = openMemoryState() } = options
  let looked = 0
  const { clock = new TestClock(Date.now()) } = options
  let sent = 0
  const gateway = await openTestGateway({
    clock,
    store: {
      endpoint: store.endpoint,
      region: store.region,
      credentials: store.credentials.main,
      capabilities: {},
      probe: 'auto',
      ...settings,
    },
    bucket: { placements: [{ store: 'main', bucket }] },
    ...(buckets !== undefined && { buckets }),
    overrides: {
      send: (url, init) => {
        sent += 1
        return send(url, init)
      },
      state: {
        ...state,
        get(name) {
          looked += 1
          return state.get(name)
        },
      },
    },
  })
  const { otherServerMs } = options
  const kept = keepStoreTruth(gateway.context, {
    startWaitMs: 30_000,
    ...(otherServerMs !== undefined && { otherServerMs, refreshMs: 20 }),
  })
  await kept.settled
  const stop = () => kept.stop()
  return {
    gateway,
    looked: () => looked,
    sent: () => sent,
    told: (event) =>
      gateway.log.map((line) => JSON.parse(line)).filter((line) => line.event === event),
    stop,
    async [Symbol.asyncDispose]() {
      await stop()
      await gateway.close()
    },
  }
}

const ADMIN = { authorization: `Bearer ${TEST_ADMIN_TOKEN}` }

async function probeByAdmin({ gateway }: Started): Promise<Response> {
  return gateway.admin.request('/admin/v1/stores/main/probe', { method: 'POST', headers: ADMIN })
}

/** The store as the admin API shows it. */
async function shown({ gateway }: Started) {
  const answer = await gateway.admin.request('/admin/v1/stores', {
    headers: ADMIN,
  })
  const { stores } = await answer.json()
  return stores[0]
}

/** A store that nobody reaches: whoever looks is seen to try. */
const nobody: SendRequest = () => Promise.reject(new TypeError('fetch failed'))

describe('what is known of a store', () => {
  let bucket: string
  let first: Started
  /** What the first start has kept for others. */
  let kept: StateDocument
  beforeAll(async () => {
    bucket = await createTestBucket(embeddedStore())
    const state = openMemoryState()
    first = await start({ bucket, state })
    const [record] = await state.list({ kind: 'probe', limit: 10 })
    if (record === undefined) throw new Error('nothing was kept')
    kept = record
  })
  afterAll(() => first[Symbol.asyncDispose]())

  /** A state store with what the first start has kept, or something else. */
  async function stateWith(value = kept.value): Promise<StateStore> {
    const state = openMemoryState()
    await state.put({ name: kept.name, value })
    return state
  }

  it('is what a start has seen: what is kept is signed, what is not is refused', async () => {
    const { gateway } = first
    const upload = await gateway.call('POST', '/v1/uploads', uploadBody())
    expect([upload.status, (await upload.json()).guarantees.size]).toEqual([201, 'exact'])
    const form = await gateway.call('POST', '/v1/uploads', uploadBody({ mode: 'post' }))
    expect([form.status, (await form.json()).capability]).toEqual([422, 'postPolicy'])
  })

  it('is shown by the admin API: by bucket, with what was seen, and what follows', async () => {
    const store = await shown(first)
    expect(store.capabilities.signedLength).toBe('yes')
    const [seen] = store.buckets
    expect(seen).toMatchObject({
      bucket,
      capabilities: { signedLength: 'yes', postPolicy: 'no' },
      lastProbe: { complete: true, fresh: true, leftovers: [] },
    })
    expect(seen.lastProbe.findings.map(({ name }: { name: string }) => name)).toContain(
      'signedLength',
    )
    expect(seen.signed).toEqual([
      expect.objectContaining({
        bucket: 'media',
        put: { signed: true, guarantees: expect.objectContaining({ size: 'exact' }) },
        post: expect.objectContaining({ signed: false, capability: 'postPolicy' }),
      }),
    ])
    expect(JSON.stringify(store)).not.toContain(embeddedStore().credentials.main.secretAccessKey)
  })

  it('outlives a restart: the next start asks the store nothing, and knows the same', async () => {
    await using second = await start({ bucket, state: await stateWith() })
    expect([first.sent() > A_FEW, second.sent()]).toEqual([true, 0])
    expect((await shown(second)).buckets).toEqual((await shown(first)).buckets)
  })

  it.each<[string, Readonly<Record<string, unknown>>]>([
    ['the region', { region: 'eu-1' }],
    ['the address', { endpoint: 'http://127.0.0.1:9' }],
    ['the public address', { publicEndpoint: 'http://127.0.0.1:9' }],
    ['the secret', { credentials: { accessKeyId: 'S3RVER', secretAccessKey: 'other-secret' } }],
    ['what the operator says of it', { capabilities: { signedLength: 'no' } }],
  ])('is void when %s is another one', async (_, settings) => {
    await using other = await start({ bucket, state: await stateWith(), settings, send: nobody })
    expect(other.sent()).toBeGreaterThan(0)
    expect((await shown(other)).buckets[0].lastProbe).toBeUndefined()
  })

  it.each<[string, (value: string) => string]>([
    [
      'a report that says more',
      (value) => value.replace('"postPolicy":"no"', '"postPolicy":"yes"'),
    ],
    ['a seal that is none', (value) => value.replace(/^[^\n]*/, 'x')],
    ['no seal', (value) => value.slice(value.indexOf('\n') + 1)],
    ['nothing', () => ''],
  ])('is not believed of a state store in which somebody else wrote %s', async (_, forge) => {
    const forged = forge(kept.value)
    expect(forged).not.toBe(kept.value)
    await using other = await start({ bucket, state: await stateWith(forged), send: nobody })
    expect(other.sent()).toBeGreaterThan(0)
    expect((await shown(other)).buckets[0].lastProbe).toBeUndefined()
  })

  it.each([
    ['less than a day old', DAY_MS - 60_000, false],
    ['a day old', DAY_MS + 60_000, true],
    ['from a clock that was ahead', -60_000, true],
  ])('still counts, and is looked at again or not, when it is %s', async (_, afterMs, again) => {
    const clock = new TestClock(first.gateway.clock.nowMs() + afterMs)
    await using second = await start({ bucket, state: await stateWith(), clock, send: nobody })
    expect(second.sent() > 0).toBe(again)
    expect((await shown(second)).buckets[0].lastProbe).toMatchObject({ fresh: !again })
    expect((await shown(second)).capabilities.postPolicy).toBe('no')
  })

  it('is looked at by one of two gateways that start at once; the other one waits for it', async () => {
    const state = openMemoryState()
    const both = await Promise.all([start({ bucket, state }), start({ bucket, state })])
    await using one = both[0]
    await using two = both[1]
    expect(one.sent() > A_FEW).not.toBe(two.sent() > A_FEW)
    expect((await shown(one)).buckets[0].lastProbe).toMatchObject({ complete: true })
    expect((await shown(two)).buckets).toEqual((await shown(one)).buckets)
  })

  it('goes on where a probe was cut off, for an hour from its beginning', async () => {
    const state = openMemoryState()
    const nowMs = first.gateway.clock.nowMs()
    const at = (afterMs: number) => ({ bucket, state, clock: new TestClock(nowMs + afterMs) })
    await using cut = await start({ ...at(0), send: cutOffAfter(A_FEW * 3) })
    const [before] = (await shown(cut)).buckets
    expect(before.lastProbe.complete).toBe(false)
    await cut.stop()
    await using again = await start({ ...at(1_800_000), send: cutOffAfter(A_FEW * 3) })
    const [seen] = (await shown(again)).buckets
    expect(seen.lastProbe.complete).toBe(false)
    expect(seen.lastProbe.startedAt).toBe(before.lastProbe.startedAt)
    await again.stop()
    await using late = await start(at(3_600_000))
    expect(late.sent()).toBeGreaterThanOrEqual(first.sent() - A_FEW)
    const [whole] = (await shown(late)).buckets
    expect(whole.lastProbe.startedAt).not.toBe(before.lastProbe.startedAt)
    // What has expired has so by the store's clock, which is an hour behind this gateway's.
    expect(whole.capabilities.expiry).toBe('yes')
  })

  it('is not asked for at every look where a probe has not seen everything', async () => {
    await using cut = await start({
      bucket,
      send: cutOffAfter(A_FEW * 3),
      // And looks often.
      otherServerMs: DAY_MS,
    })
    const [seen] = (await shown(cut)).buckets
    expect(seen.lastProbe.complete).toBe(false)
    const [sent, looked] = [cut.sent(), cut.looked()]
    // A whole probe takes many times as long as the pause between two looks.
    await using _ = await start({ bucket })
    expect([cut.sent(), cut.looked()]).toEqual([sent, looked])
  })

  it('is not what an older report says, though a newer one could not be kept', async () => {
    const state = await stateWith()
    const clock = new TestClock(first.gateway.clock.nowMs() + 60_000)
    const unwritable = { ...state, put: () => Promise.reject(new Error('read-only')) }
    await using started = await start({ bucket, state: unwritable, clock, otherServerMs: 0 })
    expect(started.sent()).toBe(0)
    const lying: SendRequest = (url, init) =>
      new URL(url).searchParams.has('response-content-disposition')
        ? Promise.resolve(new Response('hello'))
        : fetch(url, init)
    Object.assign(started.gateway.context, { send: lying })
    const answer = await probeByAdmin(started)
    expect(answer.status).toBe(200)
    const looked = started.looked()
    await until('two more looks', async () => started.looked() > looked + 4)
    expect((await shown(started)).capabilities.responseOverrides).toBe('no')
  })

  it('is kept for each of two gateways with different settings, which do not probe in turns', async () => {
    const state = await stateWith()
    await using other = await start({ bucket, state, settings: { region: 'eu-1' } })
    expect(other.sent()).toBeGreaterThan(A_FEW)
    for (const settings of [{}, { region: 'eu-1' }]) {
      await using again = await start({ bucket, state, settings })
      expect(again.sent()).toBe(0)
    }
  })

  it('leaves nothing of a probe that was asked for by hand when the gateway stops', async () => {
    const empty = await createTestBucket(embeddedStore())
    const settings = { probe: 'manual' }
    await using started = await start({ bucket: empty, settings })
    const asked = probeByAdmin(started)
    await until('the middle of a probe', async () => started.sent() > A_FEW)
    await started.stop()
    expect([200, 503]).toContain((await asked).status)
    const { context } = started.gateway
    const [placement] = context.config.buckets.get('media')?.placements ?? []
    if (placement === undefined) throw new Error('no placement')
    const left = await context.storeClient.list(placement, { prefix: '', limit: 10 })
    expect(left.objects).toEqual([])
  })

  it('is what the profile says where probing is left to the operator', async () => {
    await using started = await start({ bucket, settings: { probe: 'manual' } })
    expect(started.sent()).toBe(0)
    expect((await shown(started)).buckets[0].lastProbe).toBeUndefined()
  })

  it('stays unknown while the store is away, and the start goes on without it', async () => {
    const settings = { endpoint: 'http://127.0.0.1:9' }
    await using started = await start({ bucket: 'nobody', settings })
    expect(started.told('store.probe_failed')).toHaveLength(1)
    const answer = await started.gateway.call('POST', '/v1/uploads', uploadBody())
    expect([answer.status, (await answer.json()).code]).toEqual([422, 'UnsupportedByStore'])
  })

  it('is said at each start where a bucket takes no uploads because of it, or replaces', async () => {
    const buckets = { strict: { ...STRICT, placements: [{ store: 'main', bucket }] } }
    await using started = await start({ bucket, buckets, state: await stateWith() })
    expect(started.told('bucket.takes_no_uploads')).toEqual([
      expect.objectContaining({ level: 'error', bucket: 'strict', store: 'main' }),
    ])
    expect(started.told('bucket.may_replace')).toEqual([
      expect.objectContaining({ level: 'warn', bucket: 'media', store: 'main' }),
    ])
  })
})

describe('what is known of a store that copies', () => {
  it.each([
    [false, 'store.copy_hole', 'error', 422],
    [true, 'store.copy_hole_allowed', 'warn', 201],
  ])('is said at each start, with the override %s', async (override, event, level, status) => {
    await using store = await startHostileStore({ lies: ['copyOnPut'] })
    const { endpoint, credentials } = store
    await using started = await start({
      store: { endpoint, region: 'us-east-1', credentials },
      bucket: 'media-prod',
      settings: { allowReadableWriteCredential: override },
    })
    expect(started.told(event)).toEqual([
      expect.objectContaining({ level, store: 'main', bucket: 'media-prod' }),
    ])
    const answer = await started.gateway.call('POST', '/v1/uploads', uploadBody())
    expect(answer.status).toBe(status)
  })
})

describe('what is known of a store that was updated', () => {
  it.each([
    ['is looked at again once an answer names another server', 0, 'Store/2'],
    ['counts for an hour all the same: some servers may share a name', 3_600_000, 'Store/1'],
  ])('%s', async (_, otherServerMs, server) => {
    await using store = await startHostileStore({ server: 'Store/1' })
    const settings = {
      endpoint: store.endpoint,
      region: 'us-east-1',
      credentials: store.credentials,
    }
    await using started = await start({ store: settings, bucket: 'media-prod', otherServerMs })
    const { context } = started.gateway
    const report = () => context.storeTruth.reportOf('main', 'media-prod')
    expect(report()).toMatchObject({ server: 'Store/1', capabilities: { postPolicy: 'yes' } })
    store.become({ server: 'Store/2', lies: ['formExtraField'] })
    const [placement] = context.config.buckets.get('media')?.placements ?? []
    if (placement === undefined) throw new Error('no placement')
    await context.storeClient.headBucket(placement)
    const looked = started.looked()
    await until('the next look', async () => started.looked() > looked + 1)
    if (server === 'Store/2') await until('a report', async () => report()?.server === server)
    expect(report()?.capabilities.postPolicy).toBe(server === 'Store/2' ? 'no' : 'yes')
  })
})

/** A store that answers so many requests, and then none. */
function cutOffAfter(requests: number): SendRequest {
  let left = requests
  return (url, init) => {
    left -= 1
    return left < 0 ? nobody(url, init) : fetch(url, init)
  }
}

const STRICT = { keys: { callerPrefix: '{tenant}/{user}/' }, upload: { writeOnce: true } }

describeOnCeph('what is known of a store with two buckets', (ceph) => {
  it('differs between them: one that keeps versions does not keep what is there', async () => {
    const [plain, versioned] = [await createTestBucket(ceph), await createTestBucket(ceph)]
    await keepVersions(ceph, versioned)
    const settings = { provider: 'ceph', allowReadableWriteCredential: true }
    const buckets = { kept: { ...STRICT, placements: [{ store: 'main', bucket: versioned }] } }
    await using started = await start({ store: ceph, bucket: plain, settings, buckets })
    const { gateway } = started
    const known = (await shown(started)).buckets
    expect(known.map((each: { bucket: string }) => each.bucket)).toEqual([plain, versioned])
    expect(
      known.map(({ capabilities }: { capabilities: object }) => Object.entries(capabilities)),
    ).toEqual([
      expect.arrayContaining([['writeOnce', 'if-none-match']]),
      expect.arrayContaining([['writeOnce', 'ignored']]),
    ])
    const once = await gateway.call('POST', '/v1/uploads', uploadBody())
    expect([once.status, (await once.json()).guarantees.writeOnce]).toEqual([201, true])
    const refused = await gateway.call('POST', '/v1/uploads', uploadBody({ bucket: 'kept' }))
    expect([refused.status, (await refused.json()).capability]).toEqual([422, 'writeOnce'])
    expect(started.told('store.copy_hole_allowed')).toHaveLength(2)
  })
})
