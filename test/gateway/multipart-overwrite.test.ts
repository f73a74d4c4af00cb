import { afterEach, describe, expect, it } from 'vitest'
import { expectRefused, stateOf } from '../support/expect-refused.ts'
import {
  describeOnCeph,
  describeOnSwift,
  realStores,
  type StoreUnderTest,
  storeClient,
} from '../support/stores/stores-under-test.ts'
import { uploadBody } from '../support/test-gateway.ts'
import { type GatewayOnStore, storeSettings, UNTIL_RELEASED_MS } from './gateway-on-store.ts'
import { createParts, gatewayForParts, putParts, untilPartsAreOver } from './multipart-fixture.ts'

const ALLOW = { 'acme/alice': [{ operations: ['upload', 'download', 'delete', 'overwrite'] }] }
const PLAN = {
  quotas: [
    { policy: 'tenant-stored', per: 'tenant', unit: 'stored-bytes', limit: 2 ** 40 },
    { policy: 'tenant-objects', per: 'tenant', unit: 'stored-objects', limit: 1_000 },
  ],
}
const KEY = 'acme/alice/cat.jpg'
const OLD_BYTES = 1_000
const NEW_BYTES = 300
const NEW = { overwrite: true, sizeBytes: NEW_BYTES }
const BUSY = { status: 409, code: 'OverwriteInProgress' } as const
const REJECTED = { status: 409, code: 'UploadRejected' } as const

let gateway: GatewayOnStore
afterEach(() => gateway.close())

/** Bytes and objects: what is charged, and what is held besides. */
async function stored(): Promise<(number | undefined)[]> {
  const { 'tenant-stored': bytes, 'tenant-objects': objects } = await gateway.usage()
  return [bytes?.used, bytes?.pending, objects?.used, objects?.pending]
}

/** When the URLs of all that is there are dead, and what had to wait for it is done. */
async function longAfter(): Promise<void> {
  gateway.clock.advance(2 * UNTIL_RELEASED_MS)
  await gateway.sweepAll()
}

async function openAtStore(): Promise<number> {
  const { store, storeBucket } = gateway
  const answer = await storeClient(store).fetch(`${store.endpoint}/${storeBucket}?uploads`)
  return [...(await answer.text()).matchAll(/<UploadId>/g)].length
}

describe.each(realStores())('overwriting by parts on $kind', (store) => {
  /** A gateway whose store has an object, by one PUT, that is charged. */
  const openWithOld = async () => {
    gateway = await gatewayForParts(store, { allow: ALLOW, plan: PLAN })
    const old = await gateway.create()
    expect(await gateway.put(old, OLD_BYTES)).toBe(200)
    expect((await gateway.complete(old.id)).status).toBe(200)
    await longAfter()
    expect(await stored()).toEqual([OLD_BYTES, 0, 1, 0])
  }

  it('credits the old object once, and not before the new one is there', async () => {
    await openWithOld()
    const upload = await createParts(gateway, NEW)
    await putParts(upload.multipart.parts)
    await longAfter()
    expect(await stored()).toEqual([OLD_BYTES, NEW_BYTES, 1, 1])
    expect(await gateway.sizeAtStore(KEY)).toBe(OLD_BYTES)
    expect((await gateway.complete(upload.id)).status).toBe(200)
    expect(await gateway.sizeAtStore(KEY)).toBe(NEW_BYTES)
    expect(await stored()).toEqual([NEW_BYTES, 0, 1, 0])
    expect((await gateway.complete(upload.id)).status).toBe(200)
    await longAfter()
    expect(await stored()).toEqual([NEW_BYTES, 0, 1, 0])
  })

  it('one object of parts replaces another, again and again, and each is charged once', async () => {
    await openWithOld()
    for (const sizeBytes of [7, 70, 700]) {
      const upload = await createParts(gateway, { ...NEW, sizeBytes })
      await putParts(upload.multipart.parts)
      expect((await gateway.complete(upload.id)).status).toBe(200)
      await longAfter()
      expect(await stored()).toEqual([sizeBytes, 0, 1, 0])
    }
    expect((await gateway.call('DELETE', `/v1/objects/media/${KEY}`)).status).toBe(204)
    await longAfter()
    expect(await stored()).toEqual([0, 0, 0, 0])
  })

  it('409: a second overwrite meanwhile, by parts or by one PUT; free after the end', async () => {
    await openWithOld()
    const first = await createParts(gateway, NEW)
    const ask = (mode: string) => gateway.call('POST', '/v1/uploads', uploadBody({ ...NEW, mode }))
    for (const mode of ['multipart', 'put']) await expectRefused(await ask(mode), BUSY)
    await putParts(first.multipart.parts)
    expect((await gateway.complete(first.id)).status).toBe(200)
    const second = await createParts(gateway, NEW)
    await expectRefused(await ask('put'), BUSY)
    expect((await gateway.call('DELETE', `/v1/uploads/${second.id}`)).status).toBe(204)
    if (store.kind === 'swift') await untilPartsAreOver(gateway)
    expect((await ask('put')).status).toBe(201)
  })

  it('leaves the old object as it was when the new one is aborted', async () => {
    await openWithOld()
    const upload = await createParts(gateway, NEW)
    await putParts(upload.multipart.parts)
    expect((await gateway.call('DELETE', `/v1/uploads/${upload.id}`)).status).toBe(204)
    await untilPartsAreOver(gateway)
    expect(await gateway.sizeAtStore(KEY)).toBe(OLD_BYTES)
    expect(await stored()).toEqual([OLD_BYTES, 0, 1, 0])
    expect(await openAtStore()).toBe(0)
  })

  it('credits the old object once when it is deleted while the parts are sent', async () => {
    await openWithOld()
    const upload = await createParts(gateway, NEW)
    expect((await gateway.call('DELETE', `/v1/objects/media/${KEY}`)).status).toBe(204)
    await putParts(upload.multipart.parts)
    expect((await gateway.complete(upload.id)).status).toBe(200)
    await longAfter()
    expect(await stored()).toEqual([NEW_BYTES, 0, 1, 0])
  })
})

/** A gateway whose bucket demands write-once, on a store that keeps it as it was measured to. */
async function openWriteOnce(
  store: StoreUnderTest,
  writeOnceMultipart: 'yes' | 'no',
  upload: Record<string, unknown> = { writeOnce: true },
): Promise<void> {
  const settings = storeSettings(store).capabilities as Record<string, unknown>
  const capabilities = { ...settings, multipart: 'yes', writeOnceMultipart }
  gateway = await gatewayForParts(store, {
    allow: ALLOW,
    plan: PLAN,
    store: { capabilities },
    bucket: { upload },
  })
}

describeOnSwift('write-once by parts on Swift', (swift) => {
  it.each([
    ['the bucket demands it', { writeOnce: true }],
    ['it is kept where it can be', {}],
  ])('409: an object is there by the time of completing; it stays: %s', async (_, rules) => {
    await openWriteOnce(swift, 'yes', rules)
    const upload = await createParts(gateway, { sizeBytes: NEW_BYTES })
    expect(upload).toMatchObject({ guarantees: { writeOnce: true } })
    await putParts(upload.multipart.parts)
    await gateway.putDirectly(KEY, 7)
    for (const _time of [1, 2]) {
      await expectRefused(await gateway.complete(upload.id), REJECTED, { gateway })
    }
    expect(await gateway.status(upload.id)).toBe('rejected')
    expect(await gateway.sizeAtStore(KEY)).toBe(7)
    expect(await openAtStore()).toBe(0)
    await untilPartsAreOver(gateway)
    expect(await stored()).toEqual([0, 0, 0, 0])
  })

  it('409: of two uploads of one key the first to be completed wins, and stays', async () => {
    await openWriteOnce(swift, 'yes')
    const first = await createParts(gateway, { sizeBytes: 3 })
    const second = await createParts(gateway, { sizeBytes: 4 })
    for (const { multipart } of [first, second]) await putParts(multipart.parts)
    expect((await gateway.complete(second.id)).status).toBe(200)
    await expectRefused(await gateway.complete(first.id), REJECTED, { gateway })
    expect((await gateway.complete(second.id)).status).toBe(200)
    expect(await gateway.sizeAtStore(KEY)).toBe(4)
    await untilPartsAreOver(gateway)
    expect(await stored()).toEqual([4, 0, 1, 0])
  })

  it('200: parallel completes of one upload do not take each other for another object', async () => {
    await openWriteOnce(swift, 'yes')
    const upload = await createParts(gateway, { sizeBytes: NEW_BYTES })
    await putParts(upload.multipart.parts)
    const answers = await Promise.all([1, 2, 3].map(() => gateway.complete(upload.id)))
    for (const { status } of answers) expect([200, 503]).toContain(status)
    expect((await gateway.complete(upload.id)).status).toBe(200)
    expect(await stored()).toEqual([NEW_BYTES, 0, 1, 0])
  })

  it('422: one PUT, which Swift does not make write-once', async () => {
    await openWriteOnce(swift, 'yes')
    const before = stateOf(gateway)
    const answer = await gateway.call('POST', '/v1/uploads', uploadBody({ mode: 'put' }))
    const refusal = { status: 422, code: 'UnsupportedByStore' } as const
    const problem = await expectRefused(answer, refusal, { gateway, before })
    expect(problem.capability).toBe('writeOnce')
  })
})

describeOnCeph('write-once by parts on Ceph', (ceph) => {
  it('422: completing would overwrite what is there; 201 where overwriting is asked for', async () => {
    await openWriteOnce(ceph, 'no')
    const before = stateOf(gateway)
    const ask = (more: Record<string, unknown>) =>
      gateway.call('POST', '/v1/uploads', uploadBody({ mode: 'multipart', ...more }))
    const refusal = { status: 422, code: 'UnsupportedByStore' } as const
    const problem = await expectRefused(await ask({}), refusal, { gateway, before })
    expect(problem.capability).toBe('writeOnceMultipart')
    expect((await ask({ overwrite: true })).status).toBe(201)
  })
})
