import { createHash } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import {
  type GatewayOnStore,
  gatewayOnStore,
  UNTIL_RELEASED_MS,
} from '../gateway/gateway-on-store.ts'
import { hold, SIZE } from '../gateway/holder-fixture.ts'
import {
  createParts,
  gatewayForParts,
  PART_BYTES,
  type Part,
  putPart,
} from '../gateway/multipart-fixture.ts'
import { expectRefused, stateOf } from '../support/expect-refused.ts'
import { describeOnCeph, realStores } from '../support/stores/stores-under-test.ts'
import { type TestGateway, uploadBody } from '../support/test-gateway.ts'
import { openWatchedGateway } from '../support/watched-gateway.ts'

const RIGHT = new Uint8Array(SIZE)
const WRONG = new Uint8Array(SIZE).fill(1)
const SHA256 = sha256Of(RIGHT)
const INVALID = { status: 400, code: 'InvalidRequest' } as const
const UNSUPPORTED = { status: 422, code: 'UnsupportedByStore' } as const

let gateway: TestGateway
afterEach(() => gateway.close())

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64')
}

/** What is no base64 of 32 bytes. */
const NO_SHA256: readonly unknown[] = [
  '',
  'A'.repeat(44),
  `${'A'.repeat(42)}=`,
  `${'A'.repeat(44)}=`,
  `${'A'.repeat(42)}==`,
  `${'-'.repeat(43)}=`,
  ` ${'A'.repeat(42)}=`,
  `${'A'.repeat(43)}=\n`,
  createHash('sha256').update(RIGHT).digest('hex'),
  7,
  null,
  [SHA256],
]

describe('the SHA-256 of a request', () => {
  it('U07 400: not 44 characters of base64, in every form, alone and in a batch', async () => {
    const watched = await openWatchedGateway()
    gateway = watched
    for (const sha256 of NO_SHA256) {
      for (const mode of ['auto', 'put', 'post', 'multipart']) {
        const wanted = uploadBody({ sha256, mode })
        const problem = await watched.refuse('POST', '/v1/uploads', wanted, INVALID)
        expect(problem.fields).toMatchObject([{ path: 'sha256' }])
        await watched.refuse('POST', '/v1/uploads?dryRun=true', wanted, INVALID)
      }
      const items = [uploadBody(), uploadBody({ sha256, key: 'acme/alice/b' })]
      await watched.refuse('POST', '/v1/uploads/batch', { items }, INVALID)
    }
    const fine = await gateway.call('POST', '/v1/uploads', uploadBody({ sha256: SHA256 }))
    expect((await fine.json()).guarantees.checksum).toBe('sha256')
  })
})

describe.each(realStores())('the MD5 of a request on $kind', (store) => {
  const MD5 = createHash('md5').update(RIGHT).digest('base64')

  it('U07 400: other bytes of the same length, where Content-MD5 is checked; 422 elsewhere', async () => {
    const onStore = await gatewayOnStore(store)
    gateway = onStore
    const wanted = uploadBody({ sizeBytes: SIZE, md5: MD5 })
    if (store.kind === 'embedded') {
      const refused = await onStore.call('POST', '/v1/uploads', wanted)
      expect((await expectRefused(refused, UNSUPPORTED)).capability).toBe('contentMd5')
    } else {
      const upload = await hold(onStore, 'put', 'acme/alice/bound', { md5: MD5 })
      expect(upload.guarantees.checksum).toBe('md5')
      expect(await upload.send({ body: WRONG })).toBe(400)
      expect(await onStore.sizeAtStore(upload.key)).toBeUndefined()
      expect(await upload.send({ body: RIGHT })).toBe(200)
    }
    for (const mode of ['post', 'multipart']) {
      const refused = await onStore.call('POST', '/v1/uploads', { ...wanted, mode })
      await expectRefused(refused, UNSUPPORTED)
    }
    for (const md5 of ['', 'A'.repeat(24), `${'A'.repeat(21)}==`, SHA256, 7]) {
      const refused = await onStore.call('POST', '/v1/uploads', uploadBody({ md5 }))
      await expectRefused(refused, INVALID)
    }
  })
})

describeOnCeph('other bytes on Ceph', (ceph) => {
  it('U07 400: of the same length as those that the SHA-256 is of; nothing kept or charged', async () => {
    const onStore = await gatewayOnStore(ceph)
    gateway = onStore
    const upload = await hold(onStore, 'put', 'acme/alice/bound', { sha256: SHA256 })
    expect(upload.guarantees.checksum).toBe('sha256')
    expect(await upload.send({ body: WRONG })).toBe(400)
    expect(await onStore.sizeAtStore(upload.key)).toBeUndefined()
    onStore.clock.advance(UNTIL_RELEASED_MS)
    await onStore.sweepAll()
    expect((await onStore.usage())['tenant-stored']).toEqual({ used: 0, pending: 0 })
    const again = await hold(onStore, 'put', 'acme/alice/bound', { sha256: SHA256 })
    expect(await again.send({ body: RIGHT })).toBe(200)
    expect((await onStore.complete(again.id)).status).toBe(200)
  })

  it('U07 201: where the SHA-256 is not asked for, any bytes of that length, and no promise', async () => {
    const onStore = await gatewayOnStore(ceph)
    gateway = onStore
    const upload = await hold(onStore, 'put', 'acme/alice/free')
    expect(upload.guarantees.checksum).toBe('none')
    expect(await upload.send({ body: WRONG })).toBe(200)
  })

  it('U07 400: of a part whose SHA-256 was given; the right ones complete', async () => {
    const onStore = await gatewayForParts(ceph)
    gateway = onStore
    const sizeBytes = PART_BYTES + 7
    const created = await createParts(onStore, { sizeBytes, partChecksums: true })
    expect(created).toMatchObject({ guarantees: { checksum: 'sha256' } })
    const bodies = [new Uint8Array(PART_BYTES), new Uint8Array(7)]
    const parts = bodies.map((bytes, index) => ({ partNumber: index + 1, sha256: sha256Of(bytes) }))
    const path = `/v1/uploads/${created.id}/parts`
    const signed = (await (await gateway.call('POST', path, { parts })).json()) as { parts: Part[] }
    for (const [index, part] of signed.parts.entries()) {
      const right = bodies[index] ?? new Uint8Array()
      expect((await putPart(part, new Uint8Array(right.length).fill(1))).status).toBe(400)
      expect((await putPart(part, right)).status).toBe(200)
    }
    expect((await onStore.complete(created.id)).status).toBe(200)
  })

  it('U07 422: in a form, and for the whole of an upload of parts', async () => {
    gateway = await gatewayForParts(ceph)
    for (const mode of ['post', 'multipart']) {
      const before = stateOf(gateway)
      const wanted = uploadBody({ mode, sha256: SHA256 })
      const refused = await gateway.call('POST', '/v1/uploads', wanted)
      const problem = await expectRefused(refused, UNSUPPORTED, { gateway, before })
      expect(problem.capability).toBe('checksum')
    }
  })
})

describe.each(realStores().filter(({ kind }) => kind !== 'ceph'))(
  'other bytes on $kind',
  (store) => {
    it('U07 422: nobody would look, so no SHA-256 is taken, in any form', async () => {
      const onStore: GatewayOnStore = await gatewayForParts(store)
      gateway = onStore
      for (const wanted of [
        { sha256: SHA256 },
        { sha256: SHA256, mode: 'put' },
        { sha256: SHA256, mode: 'multipart' },
        { partChecksums: true, mode: 'multipart' },
      ]) {
        const before = stateOf(gateway)
        const refused = await gateway.call('POST', '/v1/uploads', uploadBody(wanted))
        const problem = await expectRefused(refused, UNSUPPORTED, { gateway, before })
        expect(problem.capability).toBe('checksum')
      }
      const items = [uploadBody(), uploadBody({ sha256: SHA256, key: 'acme/alice/b' })]
      const before = stateOf(gateway)
      const refused = await gateway.call('POST', '/v1/uploads/batch', { items })
      await expectRefused(refused, UNSUPPORTED, { gateway, before })
      expect((await gateway.call('POST', '/v1/uploads', uploadBody())).status).toBe(201)
    })
  },
)
