import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createEventQueue, type EventQueue } from '../../src/gateway/events/queue.ts'
import { settleByEvent } from '../../src/gateway/events/settle-by-event.ts'
import type { AppContext } from '../../src/http/app-context.ts'
import { createEventPorts } from '../../src/runtime/event-ports.ts'
import {
  cephRemoval,
  type GatewayForEvents,
  gatewayForEvents,
  minioRecord,
} from '../gateway/gateway-for-events.ts'
import { type Created, ticketOf, UNTIL_RELEASED_MS } from '../gateway/gateway-on-store.ts'
import { EVENT_SECRET, sample } from '../stores/events/events-fixture.ts'
import { expectRefused, stateOf } from '../support/expect-refused.ts'
import { embeddedStore } from '../support/stores/stores-under-test.ts'
import { openTestGateway, type TestGateway } from '../support/test-gateway.ts'
import { until } from '../support/until.ts'

const OLD_SECRET = 'old-event-secret-0123456789abcdefgh'
const UNAUTHENTICATED = { status: 401, code: 'Unauthenticated' } as const
const TOO_LARGE = { status: 413, code: 'RequestTooLarge' } as const
const OVERLOADED = { status: 503, code: 'Overloaded' } as const
const MEBIBYTE = 2 ** 20

describe('events of a store that are not what they say', () => {
  let gateway: GatewayForEvents
  let own: EventQueue
  let ownAddressOf: AppContext['remoteAddressOf']
  /** Of each HEAD, whether nobody waits for it. */
  const looks: (true | undefined)[] = []
  beforeAll(async () => {
    gateway = await gatewayForEvents(embeddedStore(), {
      onClient: (client) => ({
        ...client,
        head: (place, versionId) => {
          looks.push(place.background)
          return client.head(place, versionId)
        },
      }),
      store: {
        events: { secret: { current: EVENT_SECRET, previous: OLD_SECRET }, shape: 'minio' },
      },
    })
    own = gateway.context.events
    ownAddressOf = gateway.context.remoteAddressOf
  })
  afterEach(() => {
    Object.assign(gateway.context, { events: own, remoteAddressOf: ownAddressOf })
  })
  afterAll(() => gateway.close())

  const create = (name: string) => gateway.create({ key: `acme/alice/${name}` })
  const recordOf = ({ key }: Pick<Created, 'key'>, changes?: Parameters<typeof minioRecord>[2]) =>
    minioRecord(gateway.storeBucket, encodeURIComponent(key), changes)
  const stored = async () => (await gateway.usage())['tenant-stored']?.used

  /** Delivers records that must be taken, and waits until so many have come to this. */
  async function deliver(records: readonly object[], what: string, times = 1): Promise<void> {
    const before = await gateway.counted()
    const answer = await gateway.deliver({ Records: records })
    expect(answer.status).toBe(202)
    await gateway.untilCounted(what, before, times)
  }

  /** A body that says how much of it was read. */
  function watchedBody(chunks: number) {
    const watched = { bytes: 0 }
    const chunk = new Uint8Array(65_536).fill(32)
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          if (watched.bytes >= chunks * chunk.length) return controller.close()
          watched.bytes += chunk.length
          controller.enqueue(chunk)
        },
      },
      { highWaterMark: 0 },
    )
    return { body, watched }
  }

  it('W01 401: no, wrong or truncated secrets and unknown stores look the same, bodies unread', async () => {
    const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
    const strangers: [string, Record<string, string>][] = [
      ['main', {}],
      ['main', bearer('wrong-secret-that-is-long-enough-0123')],
      ['main', bearer(EVENT_SECRET.slice(0, -1))],
      ['main', bearer(`${EVENT_SECRET}0`)],
      ['main', bearer(EVENT_SECRET.toUpperCase())],
      ['main', bearer(gateway.key())],
      ['main', { authorization: `Basic ${btoa(`x:${EVENT_SECRET}`)}` }],
      ['main', { 'x-bz-event-notification-signature': 'v1=00' }],
      ['MAIN', bearer(EVENT_SECRET)],
      ['nobody', bearer(EVENT_SECRET)],
      ['__proto__', bearer(EVENT_SECRET)],
      ['ma%69n%00', bearer(EVENT_SECRET)],
    ]
    const before = stateOf(gateway)
    const seen = new Set<string>()
    for (const [store, headers] of strangers) {
      const { body, watched } = watchedBody(100)
      const answer = await gateway.app.request(`/v1/events/${store}`, {
        method: 'POST',
        headers: { ...headers, 'x-request-id': 'always-the-same' },
        body,
        duplex: 'half',
      } as RequestInit)
      seen.add(JSON.stringify([answer.status, [...answer.headers], await answer.clone().text()]))
      await expectRefused(answer, UNAUTHENTICATED, { gateway, before })
      expect([store, watched.bytes]).toEqual([store, 0])
    }
    expect(seen.size).toBe(1)
    expect(await gateway.counted()).toEqual({})
    // While one secret replaces the other both are good.
    for (const secret of [EVENT_SECRET, OLD_SECRET]) {
      const answer = await gateway.deliver({ Records: [] }, bearer(secret))
      expect([answer.status, await answer.json()]).toEqual([202, {}])
    }
  })

  it('W01 429: a network that guesses is slowed down for that store, known or not, and no other is', async () => {
    let address = '192.0.2.1'
    Object.assign(gateway.context, { remoteAddressOf: () => address })
    const send = async (store: string, secret: string) => {
      const headers = { authorization: `Bearer ${secret}` }
      const init = { method: 'POST', headers, body: '{"Records":[]}' }
      return (await gateway.app.request(`/v1/events/${store}`, init)).status
    }
    for (const store of ['main', 'nobody']) {
      const statuses = []
      for (let time = 0; time < 21; time += 1) statuses.push(await send(store, 'guessed'))
      expect(statuses).toEqual([...new Array(20).fill(401), 429])
    }
    // Nobody is locked out who shows the secret, nor anybody elsewhere.
    expect(await send('main', EVENT_SECRET)).toBe(202)
    expect(await send('main', 'guessed')).toBe(429)
    address = '192.0.2.2'
    expect(await send('main', 'guessed')).toBe(401)
    Object.assign(gateway.context, { remoteAddressOf: undefined })
  })

  it('R28 events leave room at the store for those that somebody waits for', async () => {
    const arrived = await create('in-background.jpg')
    await gateway.put(arrived)
    looks.length = 0
    await deliver([recordOf(arrived)], 'settled settled')
    expect(looks.length).toBeGreaterThan(1)
    expect(looks.every((background) => background === true)).toBe(true)
  })

  it('W02 202: replayed, doubled, reordered and late events are one, and change nothing', async () => {
    const upload = await create('once.jpg')
    expect(await gateway.put(upload)).toBe(200)
    const newer = recordOf(upload, { sequencer: '02' })
    await deliver([newer, newer], 'settled settled')
    const before = stateOf(gateway).ledger
    await deliver([newer], 'ignored repeated')
    await deliver([recordOf(upload, { sequencer: '01' })], 'ignored older')
    await deliver([recordOf(upload, { sequencer: '03' })], 'ignored ended')
    gateway.clock.advance(5 * 3_600_000)
    await deliver(
      [recordOf(upload, { sequencer: '04', eventTime: '2020-01-01T00:00:00Z' })],
      'ignored ended',
    )
    expect(stateOf(gateway).ledger).toBe(before)
    expect(await gateway.status(upload.id)).toBe('completed')
  })

  it.each([-1, 1e308, '1', null, [], {}])('W03 202: a size of %j is not believed', async (size) => {
    const name = `size-${JSON.stringify(size)}`
    const used = await stored()
    const upload = await create(name)
    const early = recordOf(upload, { sequencer: '01', object: { size } })
    await deliver([early], 'ignored absent')
    expect(await gateway.put(upload)).toBe(200)
    await deliver([recordOf(upload, { sequencer: '02', object: { size } })], 'settled settled')
    expect(await stored()).toBe((used ?? 0) + 1_000)
  })

  it('W03 202: what is of another bucket, or past every prefix, is ignored and counted', async () => {
    const before = stateOf(gateway).ledger
    const elsewhere = minioRecord('another-bucket', 'acme/alice/x')
    await deliver([elsewhere], 'ignored foreign-bucket')
    await deliver([recordOf({ key: '.signet-probe/0123/1' })], 'ignored probe')
    expect(stateOf(gateway).ledger).toBe(before)
  })

  it('W04 202: a key is decoded once, and one that nobody could have signed is dropped', async () => {
    const upload = await create('my file+1.txt')
    expect(await gateway.put(upload)).toBe(200)
    const written = minioRecord(gateway.storeBucket, 'acme%2Falice/my+file%2B1.txt')
    await deliver([written], 'settled settled')
    expect(await gateway.status(upload.id)).toBe('completed')
    const bad = ['acme/alice/%2e%2e/x', '/x', '%zz', 'a%00b', '%ff', 'a%5Cb', 'x'.repeat(1_025)]
    const records = bad.map((key) => minioRecord(gateway.storeBucket, key))
    await deliver(records, 'ignored invalid-key', bad.length)
    // What is written twice is decoded once: this is another object's name.
    const twice = minioRecord(gateway.storeBucket, 'acme%2Falice%2Fmy%2Bfile%252B1.txt')
    await deliver([twice], 'ignored absent')
  })

  it('W05 413: 100 MB are not read, said or unsaid, nor are 100,000 records taken', async () => {
    const before = { ...(await gateway.counted()) }
    for (const declared of [true, false]) {
      const { body, watched } = watchedBody(1_600)
      const answer = await gateway.app.request('/v1/events/main', {
        method: 'POST',
        headers: {
          authorization: `Bearer ${EVENT_SECRET}`,
          ...(declared && { 'content-length': String(100 * MEBIBYTE) }),
        },
        body,
        duplex: 'half',
      } as RequestInit)
      await expectRefused(answer, TOO_LARGE, { gateway })
      expect(watched.bytes).toBeLessThanOrEqual(declared ? 0 : MEBIBYTE + 65_536)
    }
    const record = minioRecord('b', 'k')
    const many = (count: number) => ({ Records: Array.from({ length: count }, () => record) })
    await expectRefused(await gateway.deliver(many(1_001)), TOO_LARGE)
    await expectRefused(await gateway.deliver(many(100_000)), TOO_LARGE)
    expect(await gateway.counted()).toEqual(before)
    expect((await gateway.deliver(many(1_000))).status).toBe(202)
  })

  it('W05 400: what is no delivery of this store changes nothing, whatever its type', async () => {
    const before = stateOf(gateway)
    const counted = await gateway.counted()
    const bodies = ['', '{', '[]'.repeat(2), '"x"', '{"Records":7}', sample('r2'), sample('tigris')]
    for (const body of bodies) {
      const answer = await gateway.deliver(body, {
        authorization: `Bearer ${EVENT_SECRET}`,
        'content-type': 'text/plain; charset=UTF-8',
      })
      await expectRefused(answer, { status: 400, code: 'InvalidRequest' }, { gateway, before })
    }
    expect(await gateway.counted()).toEqual(counted)
  })

  /** Replaces the gateway's queue by one of another size, which looks by `settle`. */
  function withQueue(capacity: number, settle: Parameters<typeof createEventQueue>[0]['settle']) {
    const { config, log, telemetry } = gateway.context
    const events = createEventQueue({ config: () => config, log, telemetry, settle, capacity })
    Object.assign(gateway.context, { events })
    return events
  }

  it('W05 503: a delivery without room is not taken at all, and may come again', async () => {
    const looks: string[] = []
    const open = Promise.withResolvers<void>()
    const queue = withQueue(3, async (_, { keys }) => {
      looks.push(String(keys[0]))
      await open.promise
      return { outcome: 'ignored', reason: 'absent' }
    })
    const records = (...names: string[]) => ({
      Records: names.map((name) => minioRecord(gateway.storeBucket, `acme/alice/${name}`)),
    })
    expect((await gateway.deliver(records('f1', 'f2'))).status).toBe(202)
    await expectRefused(await gateway.deliver(records('f3', 'f4')), OVERLOADED)
    expect(looks).toEqual(['acme/alice/f1', 'acme/alice/f2'])
    expect((await gateway.deliver(records('f5'))).status).toBe(202)
    // Without any room the body is not even read.
    const { body, watched } = watchedBody(1)
    const headers = { authorization: `Bearer ${EVENT_SECRET}` }
    const init = { method: 'POST', headers, body, duplex: 'half' } as RequestInit
    await expectRefused(await gateway.app.request('/v1/events/main', init), OVERLOADED)
    expect(watched.bytes).toBe(0)
    open.resolve()
    await until('there is room', async () => {
      return (await gateway.deliver(records('f3', 'f4'))).status === 202
    })
    await queue.stop(10_000)
    expect(looks).toHaveLength(5)
  })

  it('R28 a flood of ten times the queue: 503 where it is full, others served, all settled', async () => {
    const CAPACITY = 60
    const { context } = gateway
    let looks = 0
    const queue = withQueue(CAPACITY, (store, hint) => {
      looks += 1
      return settleByEvent(context, store, hint)
    })
    const used = (await stored()) ?? 0
    const uploads = await Promise.all(
      Array.from({ length: 10 }, (_, at) => create(`flood/${at}.jpg`)),
    )
    await Promise.all(uploads.map((upload) => gateway.put(upload)))
    const nothing = Array.from({ length: 290 }, (_, at) =>
      recordOf({ key: `acme/alice/nothing/${at}` }),
    )
    const once = [...nothing, ...uploads.map((upload) => recordOf(upload))]
    const shuffled = [...once, ...once]
      .map((record, at) => ({ record, order: (at * 7_919) % (2 * once.length) }))
      .toSorted((a, b) => a.order - b.order)
      .map(({ record }) => record)
    expect(shuffled).toHaveLength(10 * CAPACITY)
    const deliveries = Array.from({ length: 30 }, (_, at) => shuffled.slice(at * 20, at * 20 + 20))
    const send = async (records: readonly object[]) => {
      const answer = await gateway.deliver({ Records: records })
      if (answer.status === 503) await expectRefused(answer, OVERLOADED)
      else expect(answer.status).toBe(202)
      return answer.status
    }
    const [statuses, asked] = await Promise.all([
      Promise.all(deliveries.map(send)),
      Promise.all(Array.from({ length: 5 }, (_, at) => create(`meanwhile/${at}.jpg`))),
    ])
    expect(new Set(statuses)).toEqual(new Set([202, 503]))
    expect(asked).toHaveLength(5)
    // A store sends again what was not taken.
    for (const [at, status] of statuses.entries()) {
      if (status === 202) continue
      await until('it is taken', async () => (await send(deliveries[at] ?? [])) === 202)
    }
    await queue.stop(20_000)
    for (const { id } of uploads) expect(await gateway.status(id)).toBe('completed')
    expect(await stored()).toBe(used + 10_000)
    // Each object was looked at once, however often it was told of.
    expect(looks).toBe(once.length)
  })
})

describe('removals that are not what they say', () => {
  let gateway: GatewayForEvents
  let count = 0
  beforeAll(async () => {
    gateway = await gatewayForEvents(embeddedStore(), {
      store: { events: { secret: EVENT_SECRET, shape: 'ceph' } },
    })
  })
  afterAll(() => gateway.close())

  const stored = async () => (await gateway.usage())['tenant-stored']?.used
  const sealedOf = (upload: Created) => ticketOf(upload)['x-amz-meta-signet']

  /** An upload that is charged, and whose URL is dead. */
  async function charged(name: string): Promise<Created> {
    const upload = await gateway.create({ key: `acme/alice/${name}` })
    expect(await gateway.put(upload)).toBe(200)
    expect((await gateway.complete(upload.id)).status).toBe(200)
    gateway.clock.advance(UNTIL_RELEASED_MS)
    return upload
  }

  /** Delivers the removal of an object with a ticket, and waits until it has come to this. */
  async function removed(upload: Created, sealed: string | undefined, what: string): Promise<void> {
    count += 1
    const sequencer = String(count).padStart(16, '0')
    const before = await gateway.counted()
    const record = cephRemoval(gateway.storeBucket, upload.key, { sequencer, sealed })
    expect((await gateway.deliver({ Records: [record] })).status).toBe(202)
    await gateway.untilCounted(what, before)
  }

  it('W01 429: who guesses is slowed down, and what its body proves comes from that network all the same', async () => {
    Object.assign(gateway.context, { remoteAddressOf: () => '192.0.2.1' })
    const send = async (opaqueData: string) => {
      const record = { ...cephRemoval('elsewhere', 'k', { sequencer: '01' }), opaqueData }
      return (await gateway.deliver({ Records: [record] }, {})).status
    }
    const statuses: number[] = []
    for (let time = 0; time < 21; time += 1) statuses.push(await send('guessed'))
    expect(statuses).toEqual([...new Array(20).fill(401), 429])
    expect(await send(EVENT_SECRET)).toBe(202)
    expect(await send('guessed')).toBe(429)
    Object.assign(gateway.context, { remoteAddressOf: undefined })
  })

  it('W03 202: a forged removal credits nothing that is there, or that was never charged', async () => {
    const there = await charged('there.jpg')
    const before = stateOf(gateway).ledger
    await removed(there, sealedOf(there), 'ignored there')
    await removed(there, undefined, 'ignored no-ticket')
    await removed(there, 'forged', 'ignored no-ticket')
    expect(stateOf(gateway).ledger).toBe(before)
    // Every grant holds a genuine ticket, and this one has brought nothing.
    const pending = await gateway.create({ key: 'acme/alice/pending.jpg' })
    const reserved = stateOf(gateway).ledger
    await removed(pending, sealedOf(pending), 'ignored not-charged')
    await removed(there, sealedOf(pending), 'ignored no-ticket')
    expect(stateOf(gateway).ledger).toBe(reserved)
  })

  it('W03 a removal that is true is credited once, though it is told twice and something else lies there', async () => {
    const used = await stored()
    const gone = await charged('gone.jpg')
    expect(await stored()).toBe((used ?? 0) + 1_000)
    await gateway.putDirectly(gone.key, 7)
    await removed(gone, sealedOf(gone), 'settled credited')
    expect(await stored()).toBe(used)
    await removed(gone, sealedOf(gone), 'ignored credited-before')
    expect(await stored()).toBe(used)
  })
})

describe('what a body wants to have fetched', () => {
  const TOPIC = 'arn:aws:sns:us-west-2:123456789012:MyTopic'
  const fetched: string[] = []
  let gateway: TestGateway
  afterEach(() => gateway.close())

  async function open(topicArns: readonly string[]) {
    fetched.length = 0
    gateway = await openTestGateway({
      store: {
        events: { secret: EVENT_SECRET, shape: 'aws', ...(topicArns.length > 0 && { topicArns }) },
      },
    })
    const canary: typeof fetch = async (input) => {
      fetched.push(String(input instanceof Request ? input.url : input))
      return new Response('', { status: 404 })
    }
    const { clock } = gateway
    Object.assign(gateway.context, { eventPorts: createEventPorts({ clock, fetch: canary }) })
  }

  const post = (body: object, headers: Record<string, string> = {}) =>
    gateway.app.request('/v1/events/main', {
      method: 'POST',
      headers: { 'content-type': 'text/plain; charset=UTF-8', ...headers },
      body: JSON.stringify(body),
    })
  const envelope = JSON.parse(sample('sns-envelope'))
  const subscription = {
    ...envelope,
    Type: 'SubscriptionConfirmation',
    TopicArn: TOPIC,
    Token: 'token',
    SubscribeURL: 'https://attacker.example/subscribe',
    SigningCertURL: 'https://sns.us-west-2.amazonaws.com/SimpleNotificationService-0123.pem',
  }

  it('W06 401: nothing at all is fetched for a store that lists no topic', async () => {
    await open([])
    for (const body of [envelope, subscription, { ...subscription, TopicArn: undefined }]) {
      const type = { 'x-amz-sns-message-type': String(body.Type) }
      await expectRefused(await post(body, type), UNAUTHENTICATED)
      await expectRefused(await post(body), UNAUTHENTICATED)
    }
    expect(fetched).toEqual([])
  })

  it.each([
    'https://attacker.example/SimpleNotificationService-0123.pem',
    'https://s3.amazonaws.com/bucket/SimpleNotificationService-0123.pem',
    'https://sns.us-west-2.amazonaws.com.attacker.example/SimpleNotificationService-0123.pem',
    'https://sns.us-west-2.amazonaws.com@attacker.example/SimpleNotificationService-0123.pem',
    'http://sns.us-west-2.amazonaws.com/SimpleNotificationService-0123.pem',
    'https://sns.us-west-2.amazonaws.com:8443/SimpleNotificationService-0123.pem',
    'https://sns.us-west-2.amazonaws.com/x/../SimpleNotificationService-0123.pem',
    'https://sns.us-west-2.amazonaws.com/SimpleNotificationService-0123.pem?x',
    'file:///etc/passwd',
  ])('W06 401: a certificate is fetched from SNS alone, not from %s', async (SigningCertURL) => {
    await open([TOPIC])
    await expectRefused(await post({ ...subscription, SigningCertURL }), UNAUTHENTICATED)
    await expectRefused(
      await post({ ...envelope, TopicArn: TOPIC, SigningCertURL }),
      UNAUTHENTICATED,
    )
    expect(fetched).toEqual([])
  })

  it('W06 401: nothing is fetched for a topic that is not listed, nor confirmed unproven', async () => {
    await open([TOPIC])
    await expectRefused(await post({ ...subscription, TopicArn: `${TOPIC}2` }), UNAUTHENTICATED)
    expect(fetched).toEqual([])
    // The one place that may be asked has no such certificate: the subscription stays unconfirmed.
    const query = `Action=ConfirmSubscription&TopicArn=${TOPIC}&Token=token`
    const SubscribeURL = `https://sns.us-west-2.amazonaws.com/?${query}`
    await expectRefused(await post({ ...subscription, SubscribeURL }), UNAUTHENTICATED)
    expect(fetched).toEqual([subscription.SigningCertURL])
  })

  it('W06 a forwarder that knows the secret cannot have a subscription confirmed, either', async () => {
    await open([])
    await post(subscription, { authorization: `Bearer ${EVENT_SECRET}` })
    expect(fetched).toEqual([])
  })
})
