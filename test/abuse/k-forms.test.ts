import { afterEach, describe, expect, it } from 'vitest'
import { type CreatedForm, createForm, gatewayForForms } from '../gateway/form-fixture.ts'
import type { GatewayOnStore } from '../gateway/gateway-on-store.ts'
import {
  type CreatedParts,
  createParts,
  gatewayForParts,
  putParts,
} from '../gateway/multipart-fixture.ts'
import { ACCEPTED_KEYS, REFUSED_KEYS, SLASHED_KEYS } from '../stores/key-table.ts'
import { type GrantView, queryNames, rawPath, SIGNATURE_NAMES } from '../support/grants.ts'
import { describeOnCeph, realStores, storeClient } from '../support/stores/stores-under-test.ts'
import { CAPABLE_STORE } from '../support/test-config.ts'
import { type TestGatewayOptions, uploadBody } from '../support/test-gateway.ts'
import { openWatchedGateway, type WatchedGateway } from '../support/watched-gateway.ts'

const INVALID_KEY = { status: 400, code: 'InvalidKey' } as const
const DENIED = { status: 403, code: 'AccessDenied' } as const
const MODES = ['put', 'post', 'multipart'] as const

/** A bucket in which alice may use every key that there is. */
const WHOLE: TestGatewayOptions = {
  bucket: { keys: { callerPrefix: '', wholeBucket: true } },
  allow: { 'acme/alice': [{ prefix: '', wholeBucket: true }] },
}
/** A store that takes every form. Nobody listens at its endpoint. */
const EVERY_FORM = {
  capabilities: {
    ...CAPABLE_STORE.capabilities,
    postPolicy: 'yes',
    multipart: 'yes',
    writeOnceMultipart: 'yes',
  },
}

let closing: { close(): Promise<void> }
afterEach(() => closing.close())

/** A way to ask for an upload: where, and the body for a key. */
type Ask = readonly [path: string, body: (key: string) => unknown]

const fine = uploadBody({ key: 'acme/alice/fine' })
const ASKS: readonly Ask[] = [
  ...MODES.flatMap((mode): Ask[] => [
    ['/v1/uploads', (key) => uploadBody({ key, mode })],
    ['/v1/uploads?dryRun=true', (key) => uploadBody({ key, mode })],
  ]),
  [
    '/v1/uploads',
    (key) => uploadBody({ key, mode: 'post', sizeBytes: undefined, maxSizeBytes: 9 }),
  ],
  ...(['put', 'post'] as const).map(
    (mode): Ask => ['/v1/uploads/batch', (key) => ({ items: [fine, uploadBody({ key, mode })] })],
  ),
]

async function watched(options: TestGatewayOptions = {}): Promise<WatchedGateway> {
  const gateway = await openWatchedGateway({ ...WHOLE, store: EVERY_FORM, ...options })
  closing = gateway
  return gateway
}

async function refusedInEveryForm(
  gateway: WatchedGateway,
  key: string,
  refusal: typeof INVALID_KEY | typeof DENIED,
): Promise<void> {
  for (const [path, body] of ASKS) await gateway.refuse('POST', path, body(key), refusal)
}

function keyOf(grant: Pick<GrantView, 'url'>): string {
  return rawPath(grant).split('/').slice(2).map(decodeURIComponent).join('/')
}

describe('keys that are none', () => {
  it('K01 K03 K04 K07 K08 K09 K10 400 InvalidKey: in every form, dry run and batch; nothing signed', async () => {
    const gateway = await watched()
    for (const [key] of REFUSED_KEYS) await refusedInEveryForm(gateway, key, INVALID_KEY)
  })

  it('K13 400 InvalidKey: 1,025 bytes, in every form; 201 for 1,024', async () => {
    const gateway = await watched()
    const longest = '\u00e9'.repeat(425) + 'a'.repeat(174)
    await refusedInEveryForm(gateway, `${longest}a`, INVALID_KEY)
    for (const mode of ['put', 'post']) {
      const answer = await gateway.call('POST', '/v1/uploads', uploadBody({ key: longest, mode }))
      expect([mode, answer.status]).toEqual([mode, 201])
    }
  })

  it('K11 K14 K16 403: beside the permitted prefix, in every form', async () => {
    const allow = { 'acme/alice': [{ prefix: 'caf\u00e9/private/' }] }
    const gateway = await watched({ allow })
    for (const key of [
      'cafe\u0301/private/x',
      'caf\u00e9/private2/x',
      'caf\u00e9/Private/x',
      'caf\u00e9/private',
      'caf\u00e9%2Fprivate%2Fx',
    ]) {
      await refusedInEveryForm(gateway, key, DENIED)
    }
  })

  it('K17 403: no bucket of ours, in every form', async () => {
    const gateway = await watched()
    for (const bucket of ['evil.com#', 'a/b', 'A_B', '169.254.169.254', 'media?acl', '__proto__']) {
      for (const mode of MODES) {
        const wanted = uploadBody({ bucket, mode })
        await gateway.refuse('POST', '/v1/uploads', wanted, DENIED)
        if (mode === 'multipart') continue
        await gateway.refuse('POST', '/v1/uploads/batch', { items: [fine, wanted] }, DENIED)
      }
    }
  })

  it('K18 400: members that would choose store, host, fields or upload id, in every form', async () => {
    const gateway = await watched()
    const invalid = { status: 400, code: 'InvalidRequest' } as const
    for (const name of [
      'endpoint',
      'region',
      'host',
      'store',
      'headers',
      'fields',
      'policy',
      'uploadId',
    ]) {
      for (const mode of MODES) {
        const wanted = uploadBody({ mode, [name]: 'x' })
        await gateway.refuse('POST', '/v1/uploads', wanted, invalid)
        await gateway.refuse('POST', '/v1/uploads/batch', { items: [fine, wanted] }, invalid)
      }
    }
  })
})

describe('keys that are odd', () => {
  it('K02 K05 K06 K10 K12 201: signed as they are in a PUT, a form and every batch of both', async () => {
    const gateway = await watched()
    const keys = [...ACCEPTED_KEYS, ...SLASHED_KEYS]
    const items = (mode: string) => keys.map((key) => uploadBody({ key, mode }))
    for (const mode of ['put', 'post']) {
      const batch = await gateway.call('POST', '/v1/uploads/batch', { items: items(mode) })
      expect(batch.status).toBe(201)
      const many = (await batch.json()).items as Partial<CreatedForm>[]
      for (const [index, key] of keys.entries()) {
        const one = await gateway.call('POST', '/v1/uploads', uploadBody({ key, mode }))
        expect([key, one.status]).toEqual([key, 201])
        for (const upload of [(await one.json()) as Partial<CreatedForm>, many[index]]) {
          expect(upload?.key).toBe(key)
          if (mode === 'put') {
            expect(keyOf({ url: upload?.request?.url ?? '' })).toBe(key)
            expect(queryNames({ url: upload?.request?.url ?? '' })).toEqual(SIGNATURE_NAMES)
            continue
          }
          const { url, fields } = upload?.form ?? {}
          expect(url).toBe(`${CAPABLE_STORE.endpoint}/media-prod`)
          expect(fields?.key).toBe(key)
          const policy = JSON.parse(Buffer.from(fields?.policy ?? '', 'base64').toString())
          expect(policy.conditions).toContainEqual(['eq', '$key', key])
        }
      }
    }
  })

  it.each(realStores())('K10 201: signed as they are in every part on $kind', async (store) => {
    const gateway = await gatewayForParts(store, WHOLE)
    closing = gateway
    for (const key of ACCEPTED_KEYS) {
      const upload: CreatedParts = await createParts(gateway, { key })
      expect(upload.key).toBe(key)
      for (const { request, partNumber } of upload.multipart.parts) {
        expect(keyOf(request)).toBe(key)
        expect(queryNames(request)).toEqual([...SIGNATURE_NAMES, 'partNumber', 'uploadId'])
        const { searchParams } = new URL(request.url)
        expect(searchParams.get('partNumber')).toBe(String(partNumber))
      }
    }
  })
})

describeOnCeph('odd keys on Ceph', (ceph) => {
  const bytesOf = async (gateway: GatewayOnStore, key: string) => {
    const wanted = { bucket: 'media', key }
    const answer = await gateway.call('POST', '/v1/downloads', wanted)
    return (await fetch((await answer.json()).request.url)).bytes()
  }
  const listed = async (gateway: GatewayOnStore) => {
    const list = await gateway.call('GET', '/v1/objects/media?limit=1000')
    return ((await list.json()).objects as { key: string }[]).map(({ key }) => key)
  }

  it('K10: parts come together under exactly that key', async () => {
    const gateway = await gatewayForParts(ceph, WHOLE)
    closing = gateway
    const keys = ['?uploads', 'a b+c%zz', '%2e%2e/other', 'x?versionId=1', 'cafe\u0301', '<>&"\'']
    for (const key of keys) {
      const upload = await createParts(gateway, { key, sizeBytes: 20 })
      const parts = await putParts(upload.multipart.parts)
      const path = `/v1/uploads/${upload.id}/complete`
      expect([key, (await gateway.call('POST', path, { parts })).status]).toEqual([key, 200])
      expect([key, (await bytesOf(gateway, key)).length]).toEqual([key, 20])
    }
    expect(new Set(await listed(gateway))).toEqual(new Set(keys))
  })

  it('K10: forms store under exactly that key', async () => {
    const gateway = await gatewayForForms(ceph, WHOLE)
    closing = gateway
    // Ceph trims what a form says, so a key that begins or ends with a space is refused by it.
    const keys = [...ACCEPTED_KEYS, ...SLASHED_KEYS].filter((key) => key === key.trim())
    for (const key of keys) {
      const upload = await createForm(gateway, { key, maxSizeBytes: undefined, sizeBytes: 20 })
      const body = new FormData()
      for (const [name, value] of Object.entries(upload.form.fields)) body.append(name, value)
      body.append('file', new Blob([new Uint8Array(20)]), 'x')
      const sent = await fetch(upload.form.url, { method: 'POST', body })
      expect([key, sent.status]).toEqual([key, 201])
      expect([key, (await gateway.complete(upload.id)).status]).toEqual([key, 200])
    }
    expect(new Set(await listed(gateway))).toEqual(new Set(keys))
    const list = await storeClient(ceph).fetch(`${ceph.endpoint}/${gateway.storeBucket}?uploads`)
    expect(await list.text()).not.toContain('<UploadId>')
  })
})
