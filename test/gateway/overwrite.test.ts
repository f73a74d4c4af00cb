import { afterEach, describe, expect, it } from 'vitest'
import { expectRefused } from '../support/expect-refused.ts'
import { describeOnCeph, realStores } from '../support/stores/stores-under-test.ts'
import { uploadBody } from '../support/test-gateway.ts'
import { createForm, sendForm } from './form-fixture.ts'
import { type GatewayOnStore, gatewayOnStore, UNTIL_RELEASED_MS } from './gateway-on-store.ts'

const ALLOW = {
  'acme/alice': [{ operations: ['upload', 'download', 'list', 'delete', 'overwrite'] }],
}
const DAY_MS = 86_400_000
const OVERWRITE = { overwrite: true, sizeBytes: 300 }
const PLAN = {
  quotas: [
    { policy: 'tenant-stored', per: 'tenant', unit: 'stored-bytes', limit: 2 ** 40 },
    { policy: 'tenant-objects', per: 'tenant', unit: 'stored-objects', limit: 1_000 },
  ],
}

describe.each(realStores())('overwriting on $kind', (store) => {
  let gateway: GatewayOnStore
  afterEach(() => gateway.close())
  const open = async () => {
    const bucket = { upload: { expiresInSecondsMax: 172_800 } }
    gateway = await gatewayOnStore(store, { allow: ALLOW, plan: PLAN, bucket })
  }
  const stored = async () => {
    const { 'tenant-stored': bytes, 'tenant-objects': objects } = await gateway.usage()
    return [bytes?.used, bytes?.pending, objects?.used, objects?.pending]
  }
  /** When the URLs of all that is there are dead, and what had to wait for it is done. */
  const longAfter = async () => {
    gateway.clock.advance(2 * UNTIL_RELEASED_MS)
    await gateway.sweepAll()
  }
  /** An upload that has been put and completed. */
  const kept = async (body: Record<string, unknown> = {}) => {
    const upload = await gateway.create(body)
    const { sizeBytes = 1_000 } = body
    expect(await gateway.put(upload, Number(sizeBytes))).toBe(200)
    expect((await gateway.complete(upload.id)).status).toBe(200)
    return upload
  }

  it('403: overwrite without its permission', async () => {
    await open()
    const asked = uploadBody({ key: 'acme/bob/a', overwrite: true })
    const answer = await gateway.call('POST', '/v1/uploads', asked, { who: 'acme/bob' })
    await expectRefused(answer, { status: 403, code: 'AccessDenied' })
  })

  it('holds the whole new size, then counts the difference: one object, its new bytes', async () => {
    await open()
    await kept()
    await longAfter()
    const upload = await gateway.create(OVERWRITE)
    expect(await stored()).toEqual([1_000, 300, 1, 1])
    expect(await gateway.put(upload, 300)).toBe(200)
    expect((await gateway.complete(upload.id)).status).toBe(200)
    expect(await stored()).toEqual([300, 0, 1, 0])
    await longAfter()
    await kept({ ...OVERWRITE, sizeBytes: 5_000 })
    expect(await stored()).toEqual([5_000, 0, 1, 0])
  })

  it('an object is not free when its own URL brings it back after an overwrite', async () => {
    await open()
    const first = await kept()
    await kept(OVERWRITE)
    expect(await stored()).toEqual([1_300, 0, 2, 0])
    const path = '/v1/objects/media/acme/alice/cat.jpg'
    expect((await gateway.call('DELETE', path)).status).toBe(204)
    expect(await gateway.put(first, 1_000)).toBe(200)
    await longAfter()
    await longAfter()
    expect(await stored()).toEqual([1_000, 0, 1, 0])
  })

  it('credits the one who was charged, whoever overwrites', async () => {
    const whole = { prefix: 'acme/', operations: ['upload', 'delete', 'overwrite'] }
    gateway = await gatewayOnStore(store, {
      allow: { 'acme/alice': [whole], 'acme/bob': [whole] },
      bucket: { keys: { callerPrefix: '{tenant}/' } },
      plan: {
        quotas: [{ policy: 'user-stored', per: 'user', unit: 'stored-bytes', limit: 2 ** 40 }],
      },
    })
    const used = async (who: string) => (await gateway.usage(who))['user-stored']?.used
    await kept()
    await longAfter()
    const asked = uploadBody(OVERWRITE)
    const answer = await gateway.call('POST', '/v1/uploads', asked, { who: 'acme/bob' })
    const upload = await answer.json()
    expect(await gateway.put(upload, 300)).toBe(200)
    const path = `/v1/uploads/${upload.id}/complete`
    expect((await gateway.call('POST', path, {}, { who: 'acme/bob' })).status).toBe(200)
    expect([await used('acme/alice'), await used('acme/bob')]).toEqual([0, 300])
  })

  it('signs that nothing may be there when nothing was: no other upload is replaced', async () => {
    await open()
    const upload = await gateway.create(OVERWRITE)
    const keeps = store.kind === 'ceph'
    expect(upload.request?.headers['if-none-match']).toBe(keeps ? '*' : undefined)
  })

  it('409: a second overwrite of the object meanwhile, by anybody; free again after it', async () => {
    await open()
    await kept()
    const first = await gateway.create(OVERWRITE)
    const second = await gateway.call('POST', '/v1/uploads', uploadBody(OVERWRITE))
    await expectRefused(second, { status: 409, code: 'OverwriteInProgress' })
    await gateway.create({ ...OVERWRITE, key: 'acme/alice/other' })
    await gateway.put(first, 300)
    await gateway.complete(first.id)
    await gateway.create(OVERWRITE)
    gateway.clock.advance(UNTIL_RELEASED_MS)
    await gateway.sweepAll()
    gateway.clock.advance(UNTIL_RELEASED_MS)
    await gateway.sweepAll()
    expect(await stored()).toEqual([300, 0, 1, 0])
    await gateway.create(OVERWRITE)
  })

  it('credits nothing for an object that was never charged', async () => {
    await open()
    await gateway.putDirectly('acme/alice/cat.jpg', 700)
    await kept(OVERWRITE)
    expect(await stored()).toEqual([300, 0, 1, 0])
  })

  it('an object that was put but never completed is charged before its bytes are credited', async () => {
    await open()
    await kept({ key: 'acme/alice/base', sizeBytes: 4_000 })
    const left = await gateway.create()
    await gateway.put(left)
    await kept(OVERWRITE)
    expect(await stored()).toEqual([5_300, 0, 3, 0])
    await longAfter()
    expect(await stored()).toEqual([4_300, 0, 2, 0])
    expect(await gateway.status(left.id)).toBe('completed')
  })

  it('a replay after the PUT does not credit the object’s own bytes', async () => {
    await open()
    await kept()
    const key = { 'idempotency-key': 'once' }
    const upload = await gateway.create(OVERWRITE, key)
    await gateway.put(upload, 300)
    expect((await gateway.create(OVERWRITE, key)).id).toBe(upload.id)
    expect(await gateway.status(upload.id)).toBe('pending')
    await gateway.complete(upload.id)
    await longAfter()
    expect(await stored()).toEqual([300, 0, 1, 0])
  })

  it('old bytes are credited once when the old object is deleted during the overwrite', async () => {
    await open()
    await kept({ key: 'acme/alice/base', sizeBytes: 4_000 })
    await kept()
    const first = await gateway.create(OVERWRITE)
    const path = '/v1/objects/media/acme/alice/cat.jpg'
    expect((await gateway.call('DELETE', path)).status).toBe(204)
    const status = await gateway.put(first, 300)
    // Where If-Match is kept, nothing is there to match any more.
    const arrived = store.kind !== 'ceph'
    expect(status).toBe(arrived ? 200 : 412)
    if (arrived) expect((await gateway.complete(first.id)).status).toBe(200)
    gateway.clock.advance(2 * UNTIL_RELEASED_MS)
    await gateway.sweepAll()
    gateway.clock.advance(2 * UNTIL_RELEASED_MS)
    await gateway.sweepAll()
    expect(await stored()).toEqual(arrived ? [4_300, 0, 2, 0] : [4_000, 0, 1, 0])
  })

  it.each([
    ['ended', {}],
    ['pending for longer', { expiresInSeconds: 172_800 }],
  ])('old bytes are credited once when that is forgotten, the overwrite %s', async (_, more) => {
    await open()
    await kept({ key: 'acme/alice/base', sizeBytes: 4_000 })
    await kept()
    await longAfter()
    const upload = await gateway.create({ ...OVERWRITE, ...more })
    expect((await gateway.call('DELETE', '/v1/objects/media/acme/alice/cat.jpg')).status).toBe(204)
    await longAfter()
    // The ledger remembers for a day: the credit no more, the overwrite still.
    gateway.clock.advance(DAY_MS - UNTIL_RELEASED_MS)
    await gateway.sweepAll()
    expect((await gateway.complete(upload.id)).status).toBe(409)
    gateway.clock.advance(2 * DAY_MS)
    await gateway.sweepAll()
    expect(await stored()).toEqual([4_000, 0, 1, 0])
  })
})

describeOnCeph('overwriting where If-Match is kept', (ceph) => {
  it('412: the object that is there is no longer the one that was looked at', async () => {
    const gateway = await gatewayOnStore(ceph, { allow: ALLOW })
    await gateway.putDirectly('acme/alice/cat.jpg', 700)
    const upload = await gateway.create(OVERWRITE)
    expect(upload.request?.headers['if-match']).toMatch(/^[0-9a-f]{32}$/)
    await gateway.putDirectly('acme/alice/cat.jpg', 701)
    expect(await gateway.put(upload, 300)).toBe(412)
    await gateway.close()
  })

  it('a form, which carries no condition, credits nothing a second time when it comes late', async () => {
    const bucket = { upload: { expiresInSecondsMax: 604_000 } }
    const gateway = await gatewayOnStore(ceph, { allow: ALLOW, plan: PLAN, bucket })
    const stored = async () => (await gateway.usage())['tenant-stored']
    const keep = async (body: Readonly<Record<string, unknown>>) => {
      const upload = await gateway.create(body)
      await gateway.put(upload, Number(body.sizeBytes))
      await gateway.complete(upload.id)
    }
    await keep({ key: 'acme/alice/base', sizeBytes: 4_000 })
    await keep({ sizeBytes: 1_000 })
    const life = { expiresInSeconds: 3 * 86_400, sizeBytes: 300 }
    const form = await createForm(gateway, { ...life, maxSizeBytes: undefined, overwrite: true })
    await gateway.call('DELETE', '/v1/objects/media/acme/alice/cat.jpg')
    gateway.clock.advance(2 * UNTIL_RELEASED_MS)
    await gateway.sweepAll()
    expect(await stored()).toEqual({ used: 4_000, pending: 300 })
    gateway.clock.advance(2 * DAY_MS)
    await gateway.sweepAll()
    expect(await sendForm(form, 300)).toBe(201)
    expect((await gateway.complete(form.id)).status).toBe(200)
    gateway.clock.advance(5 * DAY_MS)
    await gateway.sweepAll()
    expect(await stored()).toEqual({ used: 4_300, pending: 0 })
    await gateway.close()
  })
})
