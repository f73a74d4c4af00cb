import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openMemoryLedger } from '../../src/ledger/memory.ts'
import type { StoreClient } from '../../src/stores/store-client.ts'
import { NO_MULTIPART } from '../support/no-multipart.ts'
import { TestClock } from '../support/test-clock.ts'
import { openTestGateway, type TestAllow, uploadBody } from '../support/test-gateway.ts'
import { openWatchedGateway, type WatchedGateway } from '../support/watched-gateway.ts'

const DENIED = { status: 403, code: 'AccessDenied' } as const
const INVALID = { status: 400, code: 'InvalidRequest' } as const

/** Users of acme, each with a key of these rules in buckets whose keys anybody may choose. */
const RULES: Readonly<Record<string, readonly TestAllow[]>> = {
  short: [{ name: 'brief', prefix: '{tenant}/{user}/', expiresInSecondsMax: 60 }],
  parts: [{ name: 'large', prefix: '{user}/', operations: ['multipart'] }],
  sized: [
    { name: 'small', prefix: 'sized/', operations: ['upload'], maxSizeBytes: 1_000 },
    { name: 'large', prefix: 'sized/', operations: ['multipart'] },
  ],
  replacer: [
    { prefix: 'r/', operations: ['upload'], expiresInSecondsMax: 90 },
    {
      name: 'replace',
      prefix: 'r/in/',
      operations: ['overwrite'],
      expiresInSecondsMax: 30,
      maxSizeBytes: 500,
      contentTypes: ['image/jpeg'],
    },
  ],
  versions: [
    { prefix: 'v/', operations: ['download'], expiresInSecondsMax: 90 },
    { prefix: 'v/old/', operations: ['versions'], expiresInSecondsMax: 30 },
  ],
  wide: [{ name: 'everything', prefix: '', wholeBucket: true, operations: ['upload', 'list'] }],
  away: [{ name: 'office', prefix: '', wholeBucket: true, networks: ['10.0.0.0/8'] }],
}
const FREE = {
  placements: [{ store: 'main', bucket: 'free-prod' }],
  keys: { callerPrefix: '', wholeBucket: true },
  upload: { writeOnce: false },
}

/** A store that can begin uploads of parts, and holds nothing. */
const STORE: StoreClient = {
  ...NO_MULTIPART,
  async createMultipart() {
    return 'upload-id'
  },
  async head() {
    return { found: false }
  },
  async remove() {},
  async list() {
    return { objects: [] }
  },
}

/** Knows of all that any rule here can ask of a store. */
const CAPABILITIES = {
  signedLength: 'yes',
  signedType: 'yes',
  writeOnce: 'if-none-match',
  ifMatch: 'quoted',
  unsignedCopySource: 'closed',
  unsignedHeaders: 'reject',
  responseOverrides: 'yes',
  multipart: 'yes',
  postPolicy: 'yes',
}

let gateway: WatchedGateway
/** Where requests come from. */
let peer: string | undefined
beforeAll(async () => {
  gateway = await openWatchedGateway({
    store: { capabilities: CAPABILITIES },
    buckets: { free: FREE },
    tenants: { acme: ['alice', ...Object.keys(RULES)], globex: ['carol'] },
    allow: Object.fromEntries(
      Object.entries(RULES).map(([user, rules]) => [`acme/${user}`, rules]),
    ),
    overrides: { storeClient: STORE, remoteAddressOf: () => peer },
  })
})
afterAll(() => gateway.close())

type Changes = Readonly<Record<string, unknown>>
const by = (user: string) => ({ who: `acme/${user}` })
const upload = (changes: Changes) => uploadBody({ bucket: 'free', ...changes })
const create = (user: string, changes: Changes) =>
  gateway.call('POST', '/v1/uploads', upload(changes), by(user))
const dryRun = (user: string, changes: Changes) =>
  gateway.call('POST', '/v1/uploads?dryRun=true', upload(changes), by(user))
const secondsUntil = (at: string) =>
  Math.round((Date.parse(at) - gateway.context.clock.nowMs()) / 1_000)

async function lifeOf(answer: Response): Promise<number> {
  const { expiresAt } = (await answer.json()) as { expiresAt: string }
  return secondsUntil(expiresAt)
}

describe('a rule with a longest life of grants', () => {
  const own = { key: 'acme/short/x' }
  const download = (changes: object) =>
    gateway.call('POST', '/v1/downloads', { bucket: 'free', ...own, ...changes }, by('short'))

  it('gives so much and no more where nothing was asked for', async () => {
    expect(await lifeOf(await create('short', own))).toBe(60)
    expect(await lifeOf(await download({}))).toBe(60)
    expect(await lifeOf(await create('short', { ...own, expiresInSeconds: 5 }))).toBe(5)
  })

  it('400: gives what was asked for up to it, and refuses one second more', async () => {
    expect(await lifeOf(await create('short', { ...own, expiresInSeconds: 60 }))).toBe(60)
    expect(await lifeOf(await download({ expiresInSeconds: 60 }))).toBe(60)
    const message = "is above the credential's maximum of 60"
    const fields = [{ path: 'expiresInSeconds', message }]
    const tooLong = upload({ ...own, expiresInSeconds: 61 })
    const refused = await gateway.refuse('POST', '/v1/uploads', tooLong, INVALID, by('short'))
    expect(refused).toMatchObject({ fields })
    expect(await (await download({ expiresInSeconds: 61 })).json()).toMatchObject({ fields })
  })

  it('binds parts, those that are signed later too', async () => {
    const made = await create('short', { ...own, mode: 'multipart' })
    const { id, multipart } = (await made.json()) as {
      id: string
      multipart: { partsExpireAt: string }
    }
    expect(secondsUntil(multipart.partsExpireAt)).toBe(60)
    const parts = (more: object) =>
      gateway.call('POST', `/v1/uploads/${id}/parts`, { partNumbers: [1], ...more }, by('short'))
    expect(await lifeOf(await parts({}))).toBe(60)
    expect((await parts({ expiresInSeconds: 61 })).status).toBe(400)
  })

  it('is the shorter one where two rules are needed', async () => {
    const replace = { key: 'r/in/x', overwrite: true, sizeBytes: 500 }
    expect(await lifeOf(await create('replacer', { key: 'r/in/x' }))).toBe(90)
    expect(await lifeOf(await create('replacer', replace))).toBe(30)
    const old = { bucket: 'free', key: 'v/old/x' }
    const ask = (more: object) =>
      gateway.call('POST', '/v1/downloads', { ...old, ...more }, by('versions'))
    expect(await lifeOf(await ask({}))).toBe(90)
    expect(await lifeOf(await ask({ versionId: '1' }))).toBe(30)
  })

  it('P05 403: a version outside the rule for versions', async () => {
    const wanted = { bucket: 'free', key: 'v/new/x' }
    expect((await gateway.call('POST', '/v1/downloads', wanted, by('versions'))).status).toBe(200)
    const version = { ...wanted, versionId: '1' }
    await gateway.refuse('POST', '/v1/downloads', version, DENIED, by('versions'))
  })
})

describe('a rule for overwriting', () => {
  const replace = { key: 'r/in/y', overwrite: true, sizeBytes: 500 }

  it('403, 413, 415: is as narrow as it says, whatever another rule lets be uploaded', async () => {
    expect((await create('replacer', replace)).status).toBe(201)
    const refuse = (changes: object, refusal: Parameters<WatchedGateway['refuse']>[3]) =>
      gateway.refuse('POST', '/v1/uploads', upload({ ...replace, ...changes }), refusal, {
        who: 'acme/replacer',
      })
    await refuse({ key: 'r/out/x' }, DENIED)
    await refuse({ sizeBytes: 501 }, { status: 413, code: 'EntityTooLarge' })
    await refuse({ contentType: 'image/png' }, { status: 415, code: 'UnsupportedMediaType' })
  })
})

describe('a rule for uploads in parts', () => {
  it('gives parts, also where the caller leaves the form to us', async () => {
    for (const mode of ['multipart', 'auto']) {
      const made = await create('parts', { key: 'parts/x', mode })
      expect([mode, made.status]).toEqual([mode, 201])
      const { id, multipart } = (await made.json()) as { id: string; multipart: object }
      expect(multipart).toMatchObject({ partCount: 1 })
      const more = { partNumbers: [1] }
      const again = await gateway.call('POST', `/v1/uploads/${id}/parts`, more, by('parts'))
      expect(again.status).toBe(200)
      const aborted = await gateway.call('GET', `/v1/uploads/${id}`, undefined, by('parts'))
      expect(aborted.status).toBe(200)
    }
  })

  it('403: gives no PUT, no form and no batch', async () => {
    const key = 'parts/x'
    for (const changes of [
      { key, mode: 'put' },
      { key, mode: 'post', sizeBytes: undefined, maxSizeBytes: 1_000 },
    ]) {
      await gateway.refuse('POST', '/v1/uploads', upload(changes), DENIED, by('parts'))
    }
    const items = { items: [upload({ key }), upload({ key: 'parts/y' })] }
    await gateway.refuse('POST', '/v1/uploads/batch', items, DENIED, by('parts'))
  })

  it('403: gives nothing outside its prefix', async () => {
    const beside = upload({ key: 'party/x', mode: 'multipart' })
    await gateway.refuse('POST', '/v1/uploads', beside, DENIED, by('parts'))
  })

  it('403: gives no PUT again of an upload that was one while the rules said so', async () => {
    const clock = new TestClock()
    const overrides = { ledger: openMemoryLedger({ clock }), storeClient: STORE }
    const store = { capabilities: CAPABILITIES }
    const headers = { 'idempotency-key': 'once' }
    const statuses: unknown[] = []
    for (const operations of [['upload'], ['upload'], ['multipart']]) {
      const allow = { 'acme/alice': [{ operations }] }
      const now = await openTestGateway({ clock, overrides, store, allow })
      const answer = await now.call('POST', '/v1/uploads', uploadBody(), { headers })
      const { request } = (await answer.json()) as { request?: object }
      statuses.push([answer.status, request !== undefined])
      await now.close()
    }
    expect(statuses).toEqual([
      [201, true],
      [201, true],
      [403, false],
    ])
  })

  it('takes over where a rule for other uploads ends', async () => {
    const small = await (await create('sized', { key: 'sized/x', sizeBytes: 1_000 })).json()
    const large = await (await create('sized', { key: 'sized/y', sizeBytes: 1_001 })).json()
    expect([small.request !== undefined, large.multipart !== undefined]).toEqual([true, true])
    const put = upload({ key: 'sized/z', sizeBytes: 1_001, mode: 'put' })
    const tooLarge = { status: 413, code: 'EntityTooLarge' } as const
    await gateway.refuse('POST', '/v1/uploads', put, tooLarge, by('sized'))
  })
})

describe('a rule for some networks', () => {
  it.each(['10.0.0.0', '10.255.255.255', '::ffff:10.1.2.3'])('gives grants to %s', async (at) => {
    peer = at
    expect((await create('away', { key: 'x' })).status).toBe(201)
  })

  it.each(['9.255.255.255', '11.0.0.0', '::1', undefined])('403: gives none to %s', async (at) => {
    peer = at
    await gateway.refuse('POST', '/v1/uploads', upload({ key: 'x' }), DENIED, {
      who: 'acme/away',
      headers: { 'x-forwarded-for': '10.0.0.1', forwarded: 'for=10.0.0.1' },
    })
  })
})

describe('a dry run', () => {
  it('names the rule that allows each operation', async () => {
    const allowedBy = async (user: string, changes: Changes) =>
      ((await (await dryRun(user, changes)).json()) as { allowedBy: unknown }).allowedBy
    expect(await allowedBy('short', { key: 'acme/short/x' })).toEqual([
      { operation: 'upload', rule: 'brief' },
    ])
    expect(await allowedBy('parts', { key: 'parts/x' })).toEqual([
      { operation: 'multipart', rule: 'large' },
    ])
    const replace = { key: 'r/in/x', overwrite: true, sizeBytes: 500 }
    expect(await allowedBy('replacer', replace)).toEqual([
      { operation: 'upload', rule: 'allow[0]' },
      { operation: 'overwrite', rule: 'replace' },
    ])
  })

  it('403, 413, 415: says of each own rule why it does not, which a real request does not say', async () => {
    const rulesOf = async (user: string, changes: Changes) => {
      const dry = await dryRun(user, changes)
      const real = await create(user, changes)
      const { rules, ...shown } = await dry.json()
      const { requestId: _, ...same } = await real.json()
      expect(shown).toMatchObject(same)
      expect(same).not.toHaveProperty('rules')
      return [dry.status, ...rules]
    }
    expect(await rulesOf('parts', { key: 'parts/x', mode: 'put' })).toEqual([
      403,
      { rule: 'large', reason: 'operation' },
    ])
    expect(await rulesOf('short', { key: 'acme/shorty/x' })).toEqual([
      403,
      { rule: 'brief', reason: 'prefix' },
    ])
    expect(await rulesOf('away', { key: 'x' })).toEqual([
      403,
      { rule: 'office', reason: 'network' },
    ])
    expect(await rulesOf('wide', { bucket: 'none', key: 'x' })).toEqual([
      403,
      { rule: 'everything', reason: 'bucket' },
    ])
    const replace = { key: 'r/in/x', overwrite: true, sizeBytes: 501 }
    expect(await rulesOf('replacer', replace)).toEqual([
      413,
      { rule: 'allow[0]', reason: 'operation' },
      { rule: 'replace', reason: 'sizeBytes' },
    ])
    const png = { ...replace, contentType: 'image/png' }
    expect((await rulesOf('replacer', png))[0]).toBe(415)
  })

  it('403: tells the caller of the beginning that keys of the bucket have', async () => {
    const dry = await dryRun('wide', { bucket: 'media', key: 'globex/carol/x' })
    expect(await dry.json()).toMatchObject({
      status: 403,
      detail: 'Cannot use the key: keys of this bucket have to start with "acme/wide/"',
    })
    const real = await create('wide', { bucket: 'media', key: 'globex/carol/x' })
    expect((await real.json()).detail).not.toContain('acme')
  })
})
