import { describe, expect, it } from 'vitest'
import { keepStoreTruth } from '../../src/gateway/keep-store-truth.ts'
import { openMemoryState } from '../../src/state/memory.ts'
import type { StateStore } from '../../src/state/port.ts'
import type { SendRequest } from '../../src/stores/signed-call.ts'
import {
  createTestBucket,
  describeOnCeph,
  embeddedStore,
  keepVersions,
  type StoreUnderTest,
} from '../support/stores/stores-under-test.ts'
import { TestClock } from '../support/test-clock.ts'
import { openTestGateway, type TestGateway, uploadBody } from '../support/test-gateway.ts'

const DAY_MS = 86_400_000
/** Requests that no look sends, and every probe. */
const A_FEW = 20

interface StartOptions {
  readonly store?: StoreUnderTest
  /** The store's own bucket. */
  readonly bucket: string
  /** Members of the store's settings. */
  readonly settings?: Readonly<Record<string, unknown>>
  readonly buckets?: Readonly<Record<string, unknown>>
  readonly state?: StateStore
  readonly clock?: TestClock
  /** Default: the real `fetch`. */
  readonly send?: SendRequest
}

/** A gateway whose start is over: what could be looked at has been. */
interface Started {
  readonly gateway: TestGateway
  /** Signed requests that the probe sent so far. */
  sent(): number
  /** Lines of the log with an event. */
  told(event: string): readonly Record<string, unknown>[]
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

async function start(options: StartOptions): Promise<Started> {
  const { store = embeddedStore(), bucket, settings, buckets, state, send = fetch } = options
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
      ...(state !== undefined && { state }),
    },
  })
  const kept = keepStoreTruth(gateway.context, { startWaitMs: 30_000 })
  await kept.settled
  const stop = () => kept.stop()
  return {
    gateway,
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

/** The store as the admin API shows it. */
async function shown({ gateway }: Started) {
  const answer = await gateway.admin.request('/admin/v1/stores', {
    headers: { authorization: 'Bearer Adm1n-token-for-tests-9f2c7e1b4a6d8053' },
  })
  const { stores } = await answer.json()
  return stores[0]
}

describe('what is known of a store', () => {
  it('is what a start has seen: what is kept is signed, what is not is refused', async () => {
    await using started = await start({ bucket: await createTestBucket(embeddedStore()) })
    const { gateway } = started
    expect(started.sent()).toBeGreaterThan(A_FEW)
    const upload = await gateway.call('POST', '/v1/uploads', uploadBody())
    expect([upload.status, (await upload.json()).guarantees.size]).toEqual([201, 'exact'])
    const form = await gateway.call('POST', '/v1/uploads', uploadBody({ mode: 'post' }))
    expect([form.status, (await form.json()).capability]).toEqual([422, 'postPolicy'])
  })

  it('is shown by the admin API: by bucket, with what was seen, and what follows', async () => {
    const bucket = await createTestBucket(embeddedStore())
    await using started = await start({ bucket })
    const store = await shown(started)
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
    const state = openMemoryState()
    const bucket = await createTestBucket(embeddedStore())
    await using first = await start({ bucket, state })
    await using second = await start({ bucket, state })
    expect([first.sent() > 0, second.sent()]).toEqual([true, 0])
    expect((await shown(second)).buckets).toEqual((await shown(first)).buckets)
  })

  it('is void when the key pair, the region or the address is another one', async () => {
    const state = openMemoryState()
    const bucket = await createTestBucket(embeddedStore())
    await using _ = await start({ bucket, state })
    const { endpoint } = embeddedStore()
    const elsewhere = endpoint.replace('127.0.0.1', 'localhost')
    for (const settings of [{ region: 'eu-1' }, { endpoint: elsewhere }]) {
      await using other = await start({ bucket, state, settings })
      expect(other.sent()).toBeGreaterThan(A_FEW)
    }
    const { main } = embeddedStore().credentials
    const settings = { credentials: { ...main, secretAccessKey: 'another-secret-0123456789' } }
    await using stranger = await start({ bucket, state, settings })
    expect(stranger.sent()).toBeGreaterThan(0)
    expect((await shown(stranger)).buckets[0].lastProbe).toBeUndefined()
  })

  it('is not believed of a state store that somebody else has written to', async () => {
    const state = openMemoryState()
    const bucket = await createTestBucket(embeddedStore())
    await using _ = await start({ bucket, state })
    const [record] = await state.list({ kind: 'probe', limit: 10 })
    const forged = record?.value.replace('"postPolicy":"no"', '"postPolicy":"yes"') ?? ''
    expect(forged).not.toBe(record?.value)
    await state.put({ name: record?.name ?? '', value: forged })
    await using second = await start({ bucket, state })
    expect(second.sent()).toBeGreaterThan(A_FEW)
    expect((await shown(second)).capabilities.postPolicy).toBe('no')
  })

  it.each([
    ['less than a day old', DAY_MS - 60_000, 0],
    ['a day old', DAY_MS + 60_000, 1],
    ['from a clock that was ahead', -60_000, 1],
  ])('is looked at again, or not, when it is %s', async (_, afterMs, again) => {
    const state = openMemoryState()
    const bucket = await createTestBucket(embeddedStore())
    const nowMs = Date.now()
    // The embedded store takes URLs that are dated ahead.
    const clocks = [Math.max(0, -afterMs), Math.max(0, afterMs)].map(
      (ms) => new TestClock(nowMs + ms),
    )
    await using first = await start({ bucket, state, clock: clocks[0] as TestClock })
    await using second = await start({ bucket, state, clock: clocks[1] as TestClock })
    expect([first.sent() > A_FEW, second.sent() > A_FEW]).toEqual([true, again === 1])
  })

  it('is looked at by one of two gateways that start at once; the other one waits for it', async () => {
    const state = openMemoryState()
    const bucket = await createTestBucket(embeddedStore())
    const both = await Promise.all([start({ bucket, state }), start({ bucket, state })])
    await using one = both[0]
    await using two = both[1]
    expect(one.sent() > A_FEW).not.toBe(two.sent() > A_FEW)
    expect((await shown(one)).buckets[0].lastProbe).toBeDefined()
    expect((await shown(two)).buckets).toEqual((await shown(one)).buckets)
  })

  it('is what the profile says where probing is left to the operator', async () => {
    const bucket = await createTestBucket(embeddedStore())
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

  it('is said at each start where a bucket takes no uploads because of it', async () => {
    const state = openMemoryState()
    const bucket = await createTestBucket(embeddedStore())
    const buckets = { strict: { ...STRICT, placements: [{ store: 'main', bucket }] } }
    for (const _ of ['probed', 'read']) {
      await using started = await start({ bucket, buckets, state })
      expect(started.told('bucket.takes_no_uploads')).toEqual([
        expect.objectContaining({ level: 'error', bucket: 'strict', store: 'main' }),
      ])
    }
  })
})

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
