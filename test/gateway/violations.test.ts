import { createHash } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import {
  createTestBucket,
  describeOnCeph,
  storeClient,
} from '../support/stores/stores-under-test.ts'
import { TestClock } from '../support/test-clock.ts'
import type { TestGatewayOptions } from '../support/test-gateway.ts'
import { type GatewayOnStore, UNTIL_RELEASED_MS } from './gateway-on-store.ts'
import {
  type Bent,
  type Case,
  type Form,
  FULL,
  formsOnStores,
  type Held,
  hold,
  SIZE,
} from './holder-fixture.ts'
import { gatewayForParts } from './multipart-fixture.ts'

const KEY = 'acme/alice/granted'
const OTHER_KEY = 'acme/alice/other'
const TAKEN = [200, 201]
const NOTHING = { used: 0, pending: 0 }

let gateway: GatewayOnStore
afterEach(() => gateway.close())

/** What is sent; `form` says in which forms it differs from what was granted, if not in all. */
const VIOLATIONS: readonly (readonly [what: string, bent: Bent, forms?: readonly Form[]])[] = [
  ['one byte more', { body: new Uint8Array(SIZE + 1) }],
  ['one byte less', { body: new Uint8Array(SIZE - 1) }],
  ['nothing', { body: new Uint8Array(0) }],
  ['ten times as much', { body: new Uint8Array(10 * SIZE) }],
  ['more in chunks, without a length', { body: new Uint8Array(SIZE + 1), chunked: true }],
  ['less in chunks, without a length', { body: new Uint8Array(SIZE - 1), chunked: true }],
  // A form's length is the whole request's, and its range is kept without.
  ['the right bytes in chunks', { body: FULL, chunked: true }, ['put', 'multipart']],
  // Parts have no type: the gateway gave it when it created the upload.
  ['another type', { headers: { 'content-type': 'text/html' } }, ['put', 'post']],
  ['no type', { headers: { 'content-type': undefined } }, ['put', 'post']],
  ['another key', { key: OTHER_KEY }],
  ['a key below the granted one', { key: `${KEY}/x` }],
  ['a key that begins like it', { key: KEY.slice(0, -1) }],
  ['a changed signature', { signature: '0'.repeat(64) }],
  ['no signature', { signature: '' }],
  ['a forged ticket', { headers: { 'x-amz-meta-signet': 'A'.repeat(200) } }, ['put', 'post']],
  ['no ticket', { headers: { 'x-amz-meta-signet': undefined } }, ['put', 'post']],
]

function violationsOf(form: Form): [what: string, bent: Bent][] {
  return VIOLATIONS.filter(([, , forms]) => forms?.includes(form) !== false).map(([what, bent]) => [
    what,
    bent,
  ])
}

async function open(each: Case, options: TestGatewayOptions = {}): Promise<void> {
  gateway = await gatewayForParts(each.store, options)
}

/** Nothing is at any of the places, and once the grant is dead nothing is charged. */
async function expectNothing(upload: Held, ...keys: string[]): Promise<void> {
  for (const key of [upload.key, ...keys]) {
    expect([key, await gateway.sizeAtStore(key)]).toEqual([key, undefined])
  }
  gateway.clock.advance(Date.parse(upload.expiresAt) - gateway.clock.nowMs() + UNTIL_RELEASED_MS)
  await gateway.sweepAll()
  expect(await gateway.usage()).toMatchObject({
    'user-bytes-day': NOTHING,
    'tenant-stored': NOTHING,
    'user-pending': NOTHING,
  })
  expect(await gateway.status(upload.id)).toBe('expired')
}

describe.each(formsOnStores())('a $form on $kind', (each) => {
  it('200, 201: as it was granted, charged once', async () => {
    await open(each)
    const upload = await hold(gateway, each.form, KEY)
    expect(upload.guarantees).toMatchObject({ size: 'exact', contentType: true })
    expect(TAKEN).toContain(await upload.send())
    expect((await gateway.complete(upload.id)).status).toBe(200)
    expect(await gateway.sizeAtStore(KEY)).toBe(SIZE)
    expect((await gateway.usage())['tenant-stored']).toEqual({ used: SIZE, pending: 0 })
    const head = await gateway.call('HEAD', `/v1/objects/media/${KEY}`)
    expect(head.headers.get('content-type')).toBe('image/jpeg')
  })

  it.each(violationsOf(each.form))(
    'refused: %s; nothing is stored, and nothing charged',
    async (_, bent) => {
      await open(each)
      const upload = await hold(gateway, each.form, KEY)
      expect([400, 403, 411]).toContain(await upload.send(bent))
      await expectNothing(upload, ...(bent.key === undefined ? [] : [bent.key]))
    },
  )

  it("refused: another bucket of the same store's", async () => {
    await open(each)
    const bucket = await createTestBucket(each.store)
    const upload = await hold(gateway, each.form, KEY)
    expect([403, 404]).toContain(await upload.send({ bucket }))
    const url = `${each.store.endpoint}/${bucket}/${KEY}`
    expect((await storeClient(each.store).fetch(url, { method: 'HEAD' })).status).toBe(404)
    await expectNothing(upload)
  })

  it('refused once it has expired, and not a second before', async () => {
    const nowMs = Date.now()
    const left = 30
    // Its own clock stands so that a grant of 300 s has 30 s left, or is 1 s too old.
    for (const [agoSeconds, taken] of [
      [300 - left, true],
      [301, false],
    ] as const) {
      const clock = new TestClock(nowMs - agoSeconds * 1000)
      await open(each, { clock })
      const upload = await hold(gateway, each.form, KEY, { expiresInSeconds: 300 })
      const status = await upload.send()
      expect([agoSeconds, TAKEN.includes(status)]).toEqual([agoSeconds, taken])
      if (taken) await gateway.close()
      else {
        expect(status).toBe(403)
        await expectNothing(upload)
      }
    }
  })
})

describe.each(formsOnStores().filter(({ form }) => form !== 'multipart'))(
  'a $form used again on $kind',
  (each) => {
    it('replaces nothing where write-once is promised, and is charged once everywhere', async () => {
      await open(each)
      const upload = await hold(gateway, each.form, KEY)
      expect(TAKEN).toContain(await upload.send())
      const again = await upload.send({ body: new Uint8Array(SIZE).fill(1) })
      const isOnce = each.form === 'put' && each.kind === 'ceph'
      expect([upload.guarantees.writeOnce, again === 412]).toEqual([isOnce, isOnce])
      await gateway.complete(upload.id)
      gateway.clock.advance(UNTIL_RELEASED_MS)
      await gateway.sweepAll()
      expect((await gateway.usage())['tenant-stored']).toEqual({ used: SIZE, pending: 0 })
    })
  },
)

describeOnCeph('a PUT with a SHA-256 on Ceph', (store) => {
  const sha256 = createHash('sha256').update(FULL).digest('base64')
  const other = new Uint8Array(SIZE).fill(1)

  it.each<[string, Bent]>([
    ['other bytes of the same length', { body: other }],
    [
      'other bytes and their own hash',
      {
        body: other,
        headers: { 'x-amz-content-sha256': createHash('sha256').update(other).digest('hex') },
      },
    ],
    ['the hash left out', { body: other, headers: { 'x-amz-content-sha256': undefined } }],
    ['no hash, said so', { body: other, headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } }],
  ])('refused: %s; nothing is stored, and nothing charged', async (_, bent) => {
    gateway = await gatewayForParts(store)
    const upload = await hold(gateway, 'put', KEY, { sha256 })
    expect(upload.guarantees.checksum).toBe('sha256')
    expect([400, 403]).toContain(await upload.send(bent))
    await expectNothing(upload)
  })

  it('200: the right bytes', async () => {
    gateway = await gatewayForParts(store)
    const upload = await hold(gateway, 'put', KEY, { sha256 })
    expect(await upload.send()).toBe(200)
    expect((await gateway.complete(upload.id)).status).toBe(200)
  })
})
