import { afterEach, describe, expect, it } from 'vitest'
import {
  type Created,
  type GatewayOnStore,
  gatewayOnStore,
  UNTIL_RELEASED_MS,
} from '../gateway/gateway-on-store.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { type GrantView, received } from '../support/grants.ts'
import { type PutOptions, sendPut } from '../support/send-put.ts'
import { isRightlySigned } from '../support/sigv4-verifier.ts'
import {
  describeOnCeph,
  realStores,
  type StoreUnderTest,
} from '../support/stores/stores-under-test.ts'

const SIZE = 1_000
const FULL = new Uint8Array(SIZE)
const PNG = { contentType: 'image/png' }

let gateway: GatewayOnStore
afterEach(() => gateway.close())

/** The grant of a new upload, which must have one. */
function grantOf({ request }: Created): GrantView {
  if (request === undefined) throw new Error('the upload has no grant')
  return { method: 'PUT', ...request }
}

function writeSecretOf(store: StoreUnderTest): string {
  const { credentials } = store
  return ('write' in credentials ? credentials.write : credentials.main).secretAccessKey
}

/** What the independent verifier says of a PUT with this type and length. */
function verifies(grant: GrantView, sizeBytes: number, headers: Record<string, string> = {}) {
  const { headers: usual, ...rest } = received(grant, sizeBytes)
  const secret = writeSecretOf(gateway.store)
  return isRightlySigned({ ...rest, headers: { ...usual, ...headers } }, secret)
}

const OTHER_TYPES: readonly (readonly [
  what: string,
  headers: NonNullable<PutOptions['headers']>,
])[] = [
  ['text/html', { 'content-type': 'text/html' }],
  ['the same type with a charset', { 'content-type': 'image/png; charset=utf-8' }],
  ['the same type in capitals', { 'content-type': 'IMAGE/PNG' }],
  ['two types in one header', { 'content-type': 'image/png, text/html' }],
  ['no type at all', { 'content-type': undefined }],
]

const OTHER_BODIES: readonly (readonly [what: string, put: PutOptions])[] = [
  ['one byte less', { body: new Uint8Array(SIZE - 1) }],
  ['one byte more', { body: new Uint8Array(SIZE + 1) }],
  ['nothing', { body: '' }],
  ['5 MB, announced', { declared: 5_000_000 }],
  ['5 GB, announced', { declared: 5 * 2 ** 30 }],
  ['the right bytes in chunks, without a length', { body: FULL, chunked: true }],
  ['more bytes in chunks, without a length', { body: new Uint8Array(SIZE * 2), chunked: true }],
]

describe.each(realStores())('an upload grant on $kind', (store) => {
  const open = async () => {
    gateway = await gatewayOnStore(store)
  }

  it('U01 200: the type that was granted, exactly as it was written', async () => {
    await open()
    const upload = await gateway.create({ contentType: 'image/png; charset=UTF-8' })
    expect(upload).toMatchObject({ guarantees: { contentType: true } })
    const grant = grantOf(upload)
    const signed = new URL(grant.url).searchParams.get('X-Amz-SignedHeaders')?.split(';')
    expect(signed).toContain('content-type')
    expect(verifies(grant, SIZE)).toBe(true)
    expect(await sendPut(grant, { body: FULL })).toBe(200)
  })

  it.each(OTHER_TYPES)('U01 403: %s, and nothing is stored', async (_, headers) => {
    await open()
    const upload = await gateway.create(PNG)
    const grant = grantOf(upload)
    const status = await sendPut(grant, { body: FULL, headers })
    expect([400, 403]).toContain(status)
    expect(await gateway.sizeAtStore(upload.key)).toBeUndefined()
    const sent = { 'content-type': String(headers['content-type'] ?? '') }
    expect(verifies(grant, SIZE, sent)).toBe(false)
    expect(verifies(grant, SIZE)).toBe(true)
  })

  // Servers pick one of two headers of a name: which one is theirs to say, but it is the one checked.
  it.each([
    ['last', ['image/png', 'text/html']],
    ['first', ['text/html', 'image/png']],
  ])(
    'U01 refused, or stored as what was granted: two types, the wrong one %s',
    async (_, types) => {
      await open()
      const upload = await gateway.create(PNG)
      const status = await sendPut(grantOf(upload), {
        body: FULL,
        headers: { 'content-type': types },
      })
      const head = await gateway.call('HEAD', `/v1/objects/media/${upload.key}`)
      const outcome = status === 200 ? head.headers.get('content-type') : `refused, ${head.status}`
      expect(['image/png', 'refused, 404']).toContain(outcome)
    },
  )

  it.each(OTHER_BODIES)('U03 refused: %s, and nothing is stored', async (_, put) => {
    await open()
    const upload = await gateway.create()
    expect(upload).toMatchObject({ guarantees: { size: 'exact' } })
    const grant = grantOf(upload)
    expect([403, 411]).toContain(await sendPut(grant, put))
    expect(await gateway.sizeAtStore(upload.key)).toBeUndefined()
    const length = put.declared ?? Buffer.from(put.body ?? '').length
    expect(verifies(grant, put.chunked ? Number.NaN : length)).toBe(false)
    expect(verifies(grant, SIZE)).toBe(true)
    expect(await sendPut(grant, { body: FULL })).toBe(200)
  })

  it('U03 refused: data behind a grant of 0 bytes; 200 for nothing', async () => {
    await open()
    const upload = await gateway.create({ sizeBytes: 0 })
    const grant = grantOf(upload)
    expect(await sendPut(grant, { body: 'x' })).toBe(403)
    expect([403, 411]).toContain(await sendPut(grant, { body: 'x', chunked: true }))
    expect(await gateway.sizeAtStore(upload.key)).toBeUndefined()
    expect(verifies(grant, 1)).toBe(false)
    expect(verifies(grant, 0)).toBe(true)
    expect(await sendPut(grant)).toBe(200)
    expect((await gateway.complete(upload.id)).status).toBe(200)
  })

  it.each([
    ['U01', 'type', { body: FULL, headers: { 'content-type': 'text/html' } }],
    ['U03', 'size', { body: new Uint8Array(SIZE + 1) }],
  ] as const)('%s: a body of another %s costs nothing once expired', async (_, __, put) => {
    await open()
    const upload = await gateway.create()
    expect(await sendPut(grantOf(upload), put)).toBe(403)
    const incomplete = await gateway.complete(upload.id)
    await expectRefused(incomplete, { status: 409, code: 'UploadIncomplete' }, { gateway })
    expect((await gateway.usage())['user-bytes-day']).toEqual({ used: 0, pending: SIZE })
    gateway.clock.advance(UNTIL_RELEASED_MS)
    expect(await gateway.sweepAll()).toBe(1)
    const nothing = { used: 0, pending: 0 }
    expect(await gateway.usage()).toEqual({
      'user-requests': expect.objectContaining({ pending: 0 }),
      'user-bytes-day': nothing,
      'tenant-stored': nothing,
      'user-pending': nothing,
    })
    expect(await gateway.status(upload.id)).toBe('expired')
    expect(await gateway.sizeAtStore(upload.key)).toBeUndefined()
  })
})

/** PUTs the same grant many times, some at once; answers how often each status came. */
async function replayed(grant: GrantView, times: number): Promise<Record<number, number>> {
  const counts: Record<number, number> = {}
  const AT_ONCE = 20
  for (let sent = 0; sent < times; sent += AT_ONCE) {
    const answers = await Promise.all(
      Array.from({ length: Math.min(AT_ONCE, times - sent) }, async () => {
        const { url, headers } = grant
        const answer = await fetch(url, { method: 'PUT', headers, body: FULL })
        await answer.bytes()
        return answer.status
      }),
    )
    for (const status of answers) counts[status] = (counts[status] ?? 0) + 1
  }
  return counts
}

describeOnCeph('a replayed grant on Ceph', (ceph) => {
  it('U05 one 200, then 412: 1,000 PUTs are one object and one charge', async () => {
    gateway = await gatewayOnStore(ceph)
    const upload = await gateway.create()
    expect(upload).toMatchObject({ guarantees: { writeOnce: true } })
    const grant = grantOf(upload)
    expect(await replayed(grant, 1_000)).toEqual({ 200: 1, 412: 999 })
    expect((await gateway.complete(upload.id)).status).toBe(200)
    expect((await gateway.complete(upload.id)).status).toBe(200)
    expect(await sendPut(grant, { body: FULL })).toBe(412)
    const { 'user-bytes-day': bytes, 'tenant-stored': stored } = await gateway.usage()
    expect([bytes, stored]).toEqual([
      { used: SIZE, pending: 0 },
      { used: SIZE, pending: 0 },
    ])
  })

  it('U05 412: a PUT on an object that is there already, which stays', async () => {
    gateway = await gatewayOnStore(ceph)
    const upload = await gateway.create()
    await gateway.putDirectly(upload.key, 7)
    expect(await sendPut(grantOf(upload), { body: FULL })).toBe(412)
    expect(await gateway.sizeAtStore(upload.key)).toBe(7)
  })

  it('U05 403: the condition left out or changed', async () => {
    gateway = await gatewayOnStore(ceph)
    const upload = await gateway.create()
    const grant = grantOf(upload)
    for (const condition of [undefined, '"x"']) {
      const headers = { 'if-none-match': condition }
      expect(await sendPut(grant, { body: FULL, headers })).toBe(403)
      expect(verifies(grant, SIZE, { 'if-none-match': condition ?? '' })).toBe(false)
    }
    expect(await gateway.sizeAtStore(upload.key)).toBeUndefined()
  })
})

describe.each(realStores().filter(({ kind }) => kind !== 'ceph'))('on $kind', (store) => {
  it('U05: a store without write-once promises none, and still there is one charge', async () => {
    gateway = await gatewayOnStore(store)
    const upload = await gateway.create()
    expect(upload).toMatchObject({ guarantees: { writeOnce: false } })
    const grant = grantOf(upload)
    expect(Object.keys(grant.headers)).not.toContain('if-none-match')
    expect(await replayed(grant, 100)).toEqual({ 200: 100 })
    await Promise.all([1, 2, 3].map(() => gateway.complete(upload.id)))
    expect(await sendPut(grant, { body: FULL })).toBe(200)
    expect((await gateway.complete(upload.id)).status).toBe(200)
    expect((await gateway.usage())['tenant-stored']).toEqual({ used: SIZE, pending: 0 })
  })
})
