import { afterEach, describe, expect, it } from 'vitest'
import { sweep } from '../../src/gateway/sweep.ts'
import type { AppContext } from '../../src/http/app-context.ts'
import { openTicket } from '../../src/ledger/ticket.ts'
import { createStoreClient } from '../../src/stores/s3-client.ts'
import type { StoreClient } from '../../src/stores/store-client.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { TestClock } from '../support/test-clock.ts'
import { CAPABLE_STORE } from '../support/test-config.ts'
import {
  openTestGateway,
  type TestGateway,
  type TestGatewayOptions,
  uploadBody,
} from '../support/test-gateway.ts'
import { MAX_TRANSFER_SECONDS, UNTIL_RELEASED_MS } from './gateway-on-store.ts'

const { capabilities } = CAPABLE_STORE
const WITH_PARTS = { ...capabilities, multipart: 'yes', writeOnceMultipart: 'yes' }
const KEYS = { template: '{tenant}/{user}/{uuid}-{filename}' }
/** Nobody listens there: whoever needs an answer of a store does not get one. */
const SECOND = { endpoint: 'http://127.0.0.1:19' }
const PLACEMENTS = [
  { store: 'main', bucket: 'first' },
  { store: 'second', bucket: 'second' },
]

let gateway: TestGateway
afterEach(() => gateway.close())

async function open(
  bucket: Readonly<Record<string, unknown>>,
  { store, stores, ...options }: TestGatewayOptions = {},
): Promise<void> {
  gateway = await openTestGateway({
    ...options,
    store: { endpoint: 'http://127.0.0.1:9', ...store },
    stores: { second: { ...SECOND, ...stores?.second } },
    bucket: { placements: PLACEMENTS, keys: KEYS, ...bucket },
  })
}

/** What the gateway's own calls have seen: five times no answer. */
function fell(name: string, times = 5): void {
  for (let n = 0; n < times; n += 1) saw(gateway.context, name, true)
}

function saw({ storeHealth, config, clock }: AppContext, name: string, failed: boolean): void {
  const store = config.stores.get(name)
  if (store === undefined) throw new Error(`no store ${name}`)
  const nowMs = clock.nowMs()
  storeHealth.answered(store, { sentAtMs: nowMs, receivedAtMs: nowMs, failed })
}

const create = (body: Record<string, unknown> = {}, who = 'acme/alice', headers = {}) =>
  gateway.call('POST', '/v1/uploads', { ...upload(), ...body }, { who, headers })

function upload() {
  const { key: _, ...body } = uploadBody({ filename: 'cat.jpg' })
  return body
}

/** Where the link leads: the store's own bucket. */
async function placed(answer: Response): Promise<string> {
  expect(answer.status).toBe(201)
  const { request } = (await answer.json()) as { request: { url: string } }
  return new URL(request.url).pathname.split('/')[1] ?? ''
}

describe('strategy primary', () => {
  it('takes the first placement, and the next as soon as the first is known to be down', async () => {
    await open({})
    const before = await placed(await create())
    fell('main', 4)
    const almost = await placed(await create())
    fell('main', 1)
    const down = await placed(await create())
    saw(gateway.context, 'main', false)
    const back = await placed(await create())
    expect([before, almost, down, back]).toEqual(['first', 'first', 'second', 'first'])
  })

  it('all down: links are issued all the same, to the first', async () => {
    await open({})
    fell('main')
    fell('second')
    expect(await placed(await create())).toBe('first')
  })

  it('503: refuses while all are down where the bucket says so, and charges nothing', async () => {
    await open({ placing: { whenDown: 'refuse' } })
    fell('main')
    expect(await placed(await create())).toBe('second')
    const before = await usage()
    fell('second')
    const refused = { status: 503, code: 'StoreUnavailable' } as const
    await expectRefused(await create(), refused)
    await expectRefused(await create({}, 'acme/alice', { 'idempotency-key': 'k' }), refused)
    const batch = { items: [upload(), upload()] }
    await expectRefused(await gateway.call('POST', '/v1/uploads/batch', batch), refused)
    expect(await usage()).toEqual(before)
    saw(gateway.context, 'second', false)
    expect(await placed(await create({}, 'acme/alice', { 'idempotency-key': 'k' }))).toBe('second')
  })

  it('503: so does a bucket of one placement', async () => {
    await open({ placements: [PLACEMENTS[0]], placing: { whenDown: 'refuse' } })
    expect(await placed(await create())).toBe('first')
    fell('main')
    await expectRefused(await create(), { status: 503, code: 'StoreUnavailable' })
  })

  it('passes over a store that cannot keep what is asked; 422 of the first when none can', async () => {
    const sha256 = '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='
    const blind = { ...capabilities, checksumSha256: 'no', payloadHash: 'no' }
    await open({}, { store: { capabilities: blind } })
    expect(await placed(await create())).toBe('first')
    expect(await placed(await create({ sha256 }))).toBe('second')
    await gateway.close()
    await open({}, { store: { capabilities: blind }, stores: { second: { capabilities: blind } } })
    const refused = { status: 422, code: 'UnsupportedByStore' } as const
    expect(await expectRefused(await create({ sha256 }), refused)).toMatchObject({
      capability: 'checksum',
    })
  })

  it('a store that could keep it and is down goes before one that cannot', async () => {
    const sha256 = '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='
    const blind = { ...capabilities, checksumSha256: 'no', payloadHash: 'no' }
    await open({}, { stores: { second: { capabilities: blind } } })
    fell('main')
    expect(await placed(await create({ sha256 }))).toBe('first')
    expect(await placed(await create())).toBe('second')
  })

  it('weight 0 takes no new objects, not even when the other is down', async () => {
    await open({ placements: [{ ...PLACEMENTS[0], weight: 0 }, PLACEMENTS[1]] })
    expect(await placed(await create())).toBe('second')
    fell('second')
    expect(await placed(await create())).toBe('second')
  })

  it('each upload of a batch is placed by itself, and a repetition stays where it was', async () => {
    const takes = { maxSizeBytes: 999 }
    await open({ placements: [{ ...PLACEMENTS[0], takes }, PLACEMENTS[1]] })
    const body = {
      items: [
        { ...upload(), sizeBytes: 999 },
        { ...upload(), sizeBytes: 1_000 },
      ],
    }
    const headers = { 'idempotency-key': 'batch' }
    const send = () => gateway.call('POST', '/v1/uploads/batch', body, { headers })
    const where = async (answer: Response) => {
      const { items } = (await answer.json()) as { items: { request: { url: string } }[] }
      return items.map(({ request }) => new URL(request.url).pathname.split('/')[1])
    }
    expect(await where(await send())).toEqual(['first', 'second'])
    fell('main')
    expect(await where(await send())).toEqual(['first', 'second'])
  })

  it('an upload stays where it was reserved: repeated, and its parts, after the other is up again', async () => {
    await open({}, { store: { capabilities: WITH_PARTS } })
    fell('main')
    const headers = { 'idempotency-key': 'one' }
    expect(await placed(await create({}, 'acme/alice', headers))).toBe('second')
    saw(gateway.context, 'main', false)
    expect(await placed(await create({}, 'acme/alice', headers))).toBe('second')
    expect(await placed(await create())).toBe('first')
  })

  it('200: repeated when it has ended, an upload tells what was promised where it was', async () => {
    const weaker = { capabilities: { ...capabilities, writeOnce: 'refused' } }
    await open({}, { stores: { second: weaker } })
    const headers = { 'idempotency-key': 'ended' }
    const promises = async () => {
      const one = await create({}, 'acme/alice', headers)
      const items = [upload()]
      const many = await gateway.call('POST', '/v1/uploads/batch', { items }, { headers })
      const { guarantees } = await one.json()
      const [first] = (await many.json()).items
      return [one.status, guarantees.writeOnce, many.status, first.guarantees.writeOnce]
    }
    fell('main')
    expect(await promises()).toEqual([201, false, 201, false])
    saw(gateway.context, 'main', false)
    gateway.clock.advance(299_500)
    expect(await promises()).toEqual([200, false, 200, false])
    const { file, secrets } = gateway.context.live
    const stores = new Map([...file.stores].filter(([name]) => name !== 'second'))
    const buckets = new Map(
      [...file.buckets].map(([name, { placements, ...bucket }]) => [
        name,
        { ...bucket, placements: [placements[0]] as const },
      ]),
    )
    gateway.context.live.replaceFile({ config: { ...file, stores, buckets }, secrets })
    // Of the store that it was in nothing is known any more, and it has its answer all the same.
    expect(await promises()).toMatchObject({ 0: 200, 2: 200 })
  })

  it('a dry run tells what would be promised where it would go', async () => {
    const weaker = { capabilities: { ...capabilities, writeOnce: 'refused' } }
    await open({}, { stores: { second: weaker } })
    const dry = async () => {
      const answer = await gateway.call('POST', '/v1/uploads?dryRun=true', upload())
      return ((await answer.json()) as { guarantees: { writeOnce: boolean } }).guarantees.writeOnce
    }
    const before = await dry()
    fell('main')
    expect([before, await dry()]).toEqual([true, false])
  })
})

describe('stores with a bound on what they hold', () => {
  const bounded = (first: number, second: number): TestGatewayOptions => ({
    store: { capacityBytes: first, maxTransferSeconds: MAX_TRANSFER_SECONDS },
    stores: { second: { capacityBytes: second, maxTransferSeconds: MAX_TRANSFER_SECONDS } },
  })
  const full = { status: 507, code: 'InsufficientStorage' } as const

  it('an upload goes on to the next one when the first has no room for it, to the byte', async () => {
    await open({}, bounded(1_500, 2_000))
    const found = []
    for (const sizeBytes of [1_000, 501, 500, 1, 1_498]) {
      found.push(await placed(await create({ sizeBytes })))
    }
    expect(found).toEqual(['first', 'second', 'first', 'second', 'second'])
  })

  it('507 when none has room: nothing is charged, nothing of the stores is told; with the same key later 201', async () => {
    const clock = new TestClock()
    const storeClient: StoreClient = {
      ...createStoreClient({ fetch }),
      head: async () => ({ found: false, storeNowMs: clock.nowMs() }),
    }
    await open({}, { ...bounded(999, 2_000), clock, overrides: { storeClient } })
    const { id } = await (await create()).json()
    expect(await placed(await create())).toBe('second')
    const before = await usage()
    const headers = { 'idempotency-key': 'k' }
    for (const answer of [
      await create({}, 'globex/carol'),
      await create({}, 'acme/alice', headers),
      await gateway.call('POST', '/v1/uploads?dryRun=true', upload()),
      await gateway.call('POST', '/v1/uploads/batch', { items: [upload()] }),
    ]) {
      const problem = await expectRefused(answer, full)
      expect(JSON.stringify(problem)).not.toMatch(/second|main|capacity|violations/)
    }
    expect(await usage()).toEqual(before)
    expect((await gateway.call('DELETE', `/v1/uploads/${id}`)).status).toBe(204)
    gateway.clock.advance(UNTIL_RELEASED_MS)
    await sweep(gateway.context)
    expect(await placed(await create({}, 'acme/alice', headers))).toBe('second')
  })

  it('a repetition signs what was reserved, although another store would be charged now', async () => {
    await open({}, bounded(5_000, 5_000))
    const headers = { 'idempotency-key': 'k' }
    const ticket = async () => {
      const answer = await create({}, 'acme/alice', headers)
      const { key, request } = await answer.json()
      const text = request.headers['x-amz-meta-signet']
      const { hashing, ticketKeys } = gateway.context
      const place = { store: 'main', bucket: 'first', key }
      const opened = openTicket({ hashing, keys: ticketKeys }, text, place)
      return { subjects: opened?.subjects, hold: opened?.hold }
    }
    const first = await ticket()
    fell('main')
    expect(await placed(await create())).toBe('second')
    expect(first.subjects).toHaveLength(3)
    expect(await ticket()).toEqual(first)
  })

  it('a full store goes before one that is down only while the ledger finds room in it', async () => {
    await open({}, bounded(1_000, 1_000))
    expect(await placed(await create())).toBe('first')
    fell('second')
    expect(await placed(await create())).toBe('second')
    await gateway.close()
    await open({ placing: { whenDown: 'refuse' } }, bounded(1_000, 1_000))
    expect(await placed(await create())).toBe('first')
    fell('second')
    await expectRefused(await create(), { status: 503, code: 'StoreUnavailable' })
  })

  it('a batch goes where all of it has room, or nowhere', async () => {
    await open({}, bounded(1_000, 1_300))
    const batch = (count: number) =>
      gateway.call('POST', '/v1/uploads/batch', {
        items: Array.from({ length: count }, () => ({ ...upload(), sizeBytes: 600 })),
      })
    const answer = await batch(2)
    expect(answer.status).toBe(201)
    const { items } = (await answer.json()) as { items: { request: { url: string } }[] }
    expect(items.every(({ request }) => request.url.includes('/second/'))).toBe(true)
    await expectRefused(await batch(2), full)
    expect((await batch(1)).status).toBe(201)
  })
})

describe('write-once over several stores', () => {
  const OWN = { keys: { callerPrefix: '{tenant}/{user}/' } }
  const named = () => gateway.call('POST', '/v1/uploads', uploadBody())
  const promise = async (answer: Response) =>
    ((await answer.json()) as { guarantees: { writeOnce: boolean } }).guarantees.writeOnce

  it('where callers name objects, it is promised nowhere unless it is demanded: one may be elsewhere', async () => {
    await open(OWN)
    fell('main')
    const away = await named()
    const { request, guarantees } = await away.json()
    saw(gateway.context, 'main', false)
    expect([guarantees.writeOnce, await promise(await named())]).toEqual([false, false])
    // What the store can see it keeps all the same.
    expect(request.headers['if-none-match']).toBe('*')
    expect(request.url).toContain('/second/')
  })

  it('where callers name objects and it is demanded, a link leads home although that is down', async () => {
    await open({ ...OWN, upload: { writeOnce: true } })
    fell('main')
    const answer = await named()
    const { request, guarantees } = await answer.json()
    expect([request.url.includes('/first/'), guarantees.writeOnce]).toEqual([true, true])
  })

  it('where names have a part of their own, it is promised anywhere', async () => {
    await open({ upload: { writeOnce: true } })
    fell('main')
    const answer = await create()
    const { request, guarantees } = await answer.json()
    expect([request.url.includes('/second/'), guarantees.writeOnce]).toEqual([true, true])
  })
})

describe('terms', () => {
  it('by tenant: no tenant gets to where it does not belong, whatever is down', async () => {
    const [first, second] = PLACEMENTS
    await open({
      placements: [
        { ...first, takes: { tenants: ['acme'] } },
        { ...second, takes: { tenants: ['globex'] } },
      ],
    })
    const both = async () => [
      await placed(await create({}, 'acme/alice')),
      await placed(await create({}, 'globex/carol')),
    ]
    expect(await both()).toEqual(['first', 'second'])
    fell('main')
    expect(await both()).toEqual(['first', 'second'])
    fell('second')
    expect(await both()).toEqual(['first', 'second'])
  })

  it('by size: both sides of each bound', async () => {
    const [first, second] = PLACEMENTS
    await open({
      placements: [
        { ...first, takes: { minSizeBytes: 100, maxSizeBytes: 200 } },
        { ...second, takes: { maxSizeBytes: 1_000 } },
      ],
    })
    const at = async (sizeBytes: number) => placed(await create({ sizeBytes }))
    const sizes = [99, 100, 200, 201, 1_000]
    const found = []
    for (const size of sizes) found.push(await at(size))
    expect(found).toEqual(['second', 'first', 'first', 'second', 'second'])
    const refused = await expectRefused(await create({ sizeBytes: 1_001 }), {
      status: 422,
      code: 'UnsupportedByStore',
    })
    expect(refused).toMatchObject({ capability: 'placements' })
  })

  it('by type: exactly, and by what comes before the slash; parameters do not count', async () => {
    const [first, second] = PLACEMENTS
    await open({
      placements: [{ ...first, takes: { contentTypes: ['text/*', 'video/mp4'] } }, second],
    })
    const found = []
    for (const contentType of [
      'text/csv',
      'text/plain; charset=utf-8',
      'video/mp4',
      'video/mp4v',
      'textual/plain',
    ]) {
      found.push(await placed(await create({ contentType })))
    }
    expect(found).toEqual(['first', 'first', 'first', 'second', 'second'])
  })
})

describe('by region of the caller', () => {
  const REGIONS = [
    { ...PLACEMENTS[0], takes: { regions: ['EU', 'de'] } },
    { ...PLACEMENTS[1], takes: { regions: ['us'] } },
    { store: 'second', bucket: 'elsewhere' },
  ]
  const server = {
    trustedProxies: ['10.0.0.0/8'],
    callerRegion: {
      header: 'cf-ipcountry',
      networks: { eu: ['192.0.2.0/24'], us: ['2001:db8::/32'] },
    },
  }

  async function from(peer: string, headers: Record<string, string> = {}): Promise<string> {
    const answer = await gateway.app.request(
      '/v1/uploads',
      {
        method: 'POST',
        headers: {
          authorization: `Bearer ${gateway.key()}`,
          'content-type': 'application/json',
          ...headers,
        },
        body: JSON.stringify(upload()),
      },
      { incoming: { socket: { remoteAddress: peer } } },
    )
    return placed(answer)
  }

  it('is what a trusted proxy tells, else the network of the address; nobody else is believed', async () => {
    await open({ placements: REGIONS }, { server })
    const found = [
      await from('192.0.2.7'),
      await from('2001:db8::1'),
      await from('198.51.100.1'),
      await from('198.51.100.1', { 'cf-ipcountry': 'DE' }),
      await from('10.0.0.1', { 'cf-ipcountry': 'DE' }),
      await from('10.0.0.1', { 'cf-ipcountry': 'US', 'x-forwarded-for': '192.0.2.7' }),
      await from('10.0.0.1', { 'x-forwarded-for': '192.0.2.7' }),
      await from('10.0.0.1', { 'cf-ipcountry': 'not a region!' }),
      await from('10.0.0.1', { 'cf-ipcountry': 'fr' }),
    ]
    expect(found).toEqual([
      'first',
      'second',
      'elsewhere',
      'elsewhere',
      'first',
      'second',
      'first',
      'elsewhere',
      'elsewhere',
    ])
  })

  it('whoever belongs to no region gets the placement without terms, and nobody leaves a region', async () => {
    await open({ placements: REGIONS.slice(0, 2) }, { server })
    fell('main')
    expect(await from('192.0.2.7')).toBe('first')
    const answer = await create()
    await expectRefused(answer, { status: 422, code: 'UnsupportedByStore' })
  })
})

async function usage() {
  const { limits } = await (await gateway.call('GET', '/v1/usage')).json()
  return limits.filter(({ unit }: { unit: string }) => unit !== 'requests')
}
