import { afterEach, describe, expect, it } from 'vitest'
import { planUpload } from '../../src/gateway/plan-upload.ts'
import { signUpload } from '../../src/gateway/sign-upload.ts'
import { openMemoryLedger } from '../../src/ledger/memory.ts'
import { embeddedStore } from '../support/stores/stores-under-test.ts'
import { TestClock } from '../support/test-clock.ts'
import { CAPABLE_STORE } from '../support/test-config.ts'
import { openTestGateway, type TestGateway, uploadBody } from '../support/test-gateway.ts'
import { type GatewayOnStore, UNTIL_RELEASED_MS } from './gateway-on-store.ts'
import {
  type CreatedParts,
  gatewayForParts,
  PART_BYTES,
  putParts,
  THREE_PARTS_BYTES,
} from './multipart-fixture.ts'

const MIB = 2 ** 20
const KEY = { 'idempotency-key': 'k' }
const GRANTED = { status: 201 }

type Options = NonNullable<Parameters<typeof gatewayForParts>[1]>

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const gateway of open.splice(0)) await gateway.close()
})

/**
 * Two gateways of one ledger that are not of one mind. Each has a bucket of its own at the store, so that
 * one finds the other's objects only where the reservation says that they are.
 */
async function replicas(one: Options, other: Options): Promise<[GatewayOnStore, GatewayOnStore]> {
  const clock = new TestClock(Date.now())
  const common = { clock, overrides: { ledger: openMemoryLedger({ clock }) } }
  const a = await gatewayForParts(embeddedStore(), { ...common, ...one })
  open.push(a)
  const b = await gatewayForParts(embeddedStore(), { ...common, ...other })
  open.push(b)
  return [a, b]
}

/** The same without a store. */
async function mindsWithout(one: object, other: object): Promise<[TestGateway, TestGateway]> {
  const clock = new TestClock()
  const common = { clock, overrides: { ledger: openMemoryLedger({ clock }) } }
  const a = await openTestGateway({
    ...common,
    store: { capabilities: { ...CAPABLE_STORE.capabilities, ...one } },
  })
  open.push(a)
  const b = await openTestGateway({
    ...common,
    store: { capabilities: { ...CAPABLE_STORE.capabilities, ...other } },
  })
  open.push(b)
  return [a, b]
}

const threshold = (bytes: number): Options => ({
  bucket: { upload: { multipartThresholdBytes: bytes } },
})
const post = (gateway: TestGateway, body: unknown) =>
  gateway.call('POST', '/v1/uploads', body, { headers: KEY })
const batch = (gateway: TestGateway, items: readonly unknown[]) =>
  gateway.call('POST', '/v1/uploads/batch', { items }, { headers: KEY })
const stored = async (gateway: GatewayOnStore) => (await gateway.usage())['tenant-stored']

/** Binds sizes by a form only, or by a signed length. */
const BY_FORM = { signedLength: 'no', postPolicy: 'yes' }
const BY_LENGTH = { signedLength: 'yes', postPolicy: 'yes' }

describe('an upload that is repeated where another form would be chosen', () => {
  it('201: a PUT stays one, and its deleted object is credited only once its URL is dead', async () => {
    const [a, b] = await replicas(threshold(8 * MIB), threshold(5 * MIB))
    const wanted = { sizeBytes: 6 * MIB }
    const first = await a.create(wanted, KEY)
    const again = (await b.create(wanted, KEY)) as CreatedParts
    expect(again).toMatchObject({ id: first.id, request: { method: 'PUT' } })
    expect(again.multipart).toBeUndefined()
    expect(await b.put(again, 6 * MIB)).toBe(200)
    expect((await b.complete(again.id)).status).toBe(200)
    // The longest transfer is over, and the URL still lives.
    a.clock.advance(200_000)
    const path = '/v1/objects/media/acme/alice/cat.jpg'
    expect((await a.call('DELETE', path)).status).toBeLessThan(300)
    expect(await stored(a)).toMatchObject({ used: 6 * MIB })
    a.clock.advance(UNTIL_RELEASED_MS)
    await a.sweepAll()
    expect(await stored(a)).toMatchObject({ used: 0 })
  })

  it('201: one of parts stays so, as it was cut', async () => {
    const [a, b] = await replicas(threshold(5 * MIB), threshold(64 * MIB))
    const wanted = { sizeBytes: THREE_PARTS_BYTES }
    const first = (await a.create(wanted, KEY)) as CreatedParts
    const again = (await b.create(wanted, KEY)) as CreatedParts
    expect([again.id, again.request]).toEqual([first.id, undefined])
    expect(again).toMatchObject({ guarantees: { writeOnce: false, size: 'exact' } })
    expect(again.multipart).toMatchObject({ partSizeBytes: PART_BYTES, partCount: 3 })
    await putParts(again.multipart.parts)
    expect((await b.complete(again.id)).status).toBe(200)
  })

  it.each([
    ['yes', 'no'],
    ['no', 'yes'],
  ])(
    '201: parts are promised the write-once that they were reserved with (%s, then %s)',
    async (before, after) => {
      const knows = (writeOnceMultipart: string): Options => ({
        store: { capabilities: { writeOnceMultipart, multipart: 'yes' } },
      })
      const [a, b] = await replicas(knows(before), knows(after))
      const wanted = { mode: 'multipart', sizeBytes: 3 }
      const promised = async (gateway: GatewayOnStore) =>
        ((await gateway.create(wanted, KEY)) as unknown as { guarantees: { writeOnce: boolean } })
          .guarantees.writeOnce
      expect(await promised(a)).toBe(before === 'yes')
      expect(await promised(b)).toBe(false)
      // A new one has what this gateway knows of.
      const fresh = (await b.create({ ...wanted, key: 'acme/alice/fresh' })) as unknown
      expect(fresh).toMatchObject({ guarantees: { writeOnce: after === 'yes' } })
    },
  )

  it('201: a form stays a form, alone and in a batch', async () => {
    const [a, b] = await mindsWithout(BY_FORM, BY_LENGTH)
    const first = await (await post(a, uploadBody())).json()
    expect(first.form.url).toContain('http')
    const again = await (await post(b, uploadBody())).json()
    expect(again).toMatchObject({ id: first.id, form: { url: first.form.url } })
    expect(again.guarantees).toEqual(first.guarantees)
    const items = [uploadBody({ key: 'acme/alice/1' })]
    const [one] = (await (await batch(a, items)).json()).items
    const [two] = (await (await batch(b, items)).json()).items
    expect(two).toMatchObject({ id: one.id, form: { url: one.form.url } })
    expect(two.guarantees).toEqual(one.guarantees)
  })

  it('201: a batch is the same one for a gateway that would cut its uploads into parts', async () => {
    const [a, b] = await replicas(threshold(8 * MIB), threshold(5 * MIB))
    const items = [uploadBody({ sizeBytes: 6 * MIB })]
    const ids: string[] = []
    for (const gateway of [a, b, a]) {
      const answer = await batch(gateway, items)
      expect(answer).toMatchObject(GRANTED)
      const { items: created } = await answer.json()
      expect(created).toMatchObject([{ request: { method: 'PUT' } }])
      ids.push(created[0].id)
    }
    expect(new Set(ids).size).toBe(1)
    const explicit = await batch(a, [{ ...items[0], mode: 'put' }])
    expect(explicit.status).toBe(422)
  })

  it('422: what was reserved as a PUT is not signed where a PUT is known to bind nothing', async () => {
    const [a, b] = await mindsWithout(BY_LENGTH, BY_FORM)
    const items = [uploadBody({ key: 'acme/alice/1' })]
    expect(await post(a, uploadBody())).toMatchObject(GRANTED)
    expect(await batch(a, items)).toMatchObject(GRANTED)
    for (const refused of [await post(b, uploadBody()), await batch(b, items)]) {
      expect(refused.status).toBe(422)
      expect(await refused.json()).toMatchObject({ capability: 'signedLength' })
    }
    // The upload is as it was, and can be had where it can be signed.
    expect(await post(a, uploadBody())).toMatchObject(GRANTED)
  })

  it('500: a plan of parts is never signed as a PUT', async () => {
    const gateway = await openTestGateway({
      store: { capabilities: { ...CAPABLE_STORE.capabilities, multipart: 'yes' } },
    })
    open.push(gateway)
    const { context } = gateway
    const principal = {
      tenant: 'acme',
      user: 'alice',
      keyId: 'k',
      permissions: [
        { operations: new Set(['upload'] as const), buckets: new Set(['media']), prefix: '' },
      ],
    }
    const wanted = {
      ...uploadBody(),
      metadata: new Map(),
      mode: 'multipart' as const,
      overwrite: false,
    }
    const nowMs = context.clock.nowMs()
    const signing = {
      command: {
        op: 'R' as const,
        rid: `up_${'0'.repeat(26)}`,
        partition: 0,
        subjects: ['s'],
        hold: [0],
        check: [],
        deadlineMs: 0,
        fingerprint: 'f',
        ttlMs: 1,
        lookMs: 1,
        note: '',
      },
      plan: planUpload(context, principal, wanted),
      wanted,
      nowMs,
      expMs: nowMs + 100_000,
      expiresAtMs: nowMs + 50_000,
      conditions: undefined,
    }
    await expect(signUpload(context, signing)).rejects.toMatchObject({
      code: 'InternalError',
      message: 'Cannot sign the upload: it is of parts',
    })
  })
})
