import { afterEach, describe, expect, it } from 'vitest'
import { keyHash } from '../../src/gateway/audit-events.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { rawPath } from '../support/grants.ts'
import { uploadBody } from '../support/test-gateway.ts'
import { openWatchedGateway, type WatchedGateway } from '../support/watched-gateway.ts'

const INVALID = { status: 400, code: 'InvalidRequest' } as const
const DENIED = { status: 403, code: 'AccessDenied' } as const
const TOO_LARGE = { status: 413, code: 'RequestTooLarge' } as const

let gateway: WatchedGateway
afterEach(() => gateway.close())

describe('bodies that are no request', () => {
  it('K20 400: broken JSON, and JSON that is no object', async () => {
    gateway = await openWatchedGateway()
    const broken = ['{', '{"bucket":', '\ufeff{}', "{'bucket':1}", '{"a":1}x', 'undefined', '{,}']
    const others = ['[]', 'null', '1', '"text"', 'true', '[{"bucket":"media"}]']
    for (const text of [...broken, ...others]) {
      for (const path of ['/v1/uploads', '/v1/uploads?dryRun=true', '/v1/downloads']) {
        await gateway.refuse('POST', path, text, INVALID)
      }
    }
  })

  it('K20 400: bytes that are no UTF-8', async () => {
    gateway = await openWatchedGateway()
    const body = Buffer.concat([Buffer.from('{"bucket":"'), Buffer.from([0xff]), Buffer.from('"}')])
    const headers = {
      authorization: `Bearer ${gateway.key()}`,
      'content-type': 'application/json',
    }
    const send = async () => gateway.app.request('/v1/uploads', { method: 'POST', headers, body })
    await gateway.refused(send, INVALID)
  })

  it('K20 400: an own "__proto__" anywhere, and nothing inherits from it', async () => {
    gateway = await openWatchedGateway()
    const text = JSON.stringify(uploadBody()).slice(1, -1)
    for (const body of [
      `{${text},"__proto__":{"overwrite":true}}`,
      `{${text},"metadata":{"__proto__":"x"}}`,
      `{"__proto__":{"bucket":"media"}}`,
      `{"items":[{"__proto__":{}}]}`,
    ]) {
      for (const path of ['/v1/uploads', '/v1/downloads']) {
        await gateway.refuse('POST', path, body, INVALID)
      }
    }
    await gateway.refuse('POST', '/v1/uploads', `{${text},"constructor":{}}`, INVALID)
    expect(({} as Record<string, unknown>).overwrite).toBeUndefined()
  })

  it('K20 413 or 400: arrays 200,000 deep, above and below the cap of the route', async () => {
    gateway = await openWatchedGateway()
    const deep = '['.repeat(200_000) + ']'.repeat(200_000)
    await gateway.refuse('POST', '/v1/uploads', deep, TOO_LARGE)
    await gateway.refuse('POST', '/v1/downloads', deep, INVALID)
    await gateway.refuse('POST', '/v1/downloads', `{"items":${deep}}`, INVALID)
    await gateway.refuse('POST', '/v1/uploads', '['.repeat(8_000) + ']'.repeat(8_000), INVALID)
  })

  it('K20 413: one byte above the cap of 16 KiB; 201 at the cap', async () => {
    gateway = await openWatchedGateway()
    const text = JSON.stringify(uploadBody())
    const padded = (bytes: number) => text + ' '.repeat(bytes - text.length)
    expect((await gateway.call('POST', '/v1/uploads', padded(16_384))).status).toBe(201)
    await gateway.refuse('POST', '/v1/uploads', padded(16_385), TOO_LARGE)
    await gateway.refuse('POST', '/v1/downloads', padded(2_097_153), TOO_LARGE)
  })

  it('K20: of two "key" members the last counts, for policy, signer, ledger and audit', async () => {
    gateway = await openWatchedGateway()
    const [own, foreign] = ['acme/alice/own', 'acme/bob/foreign']
    const { key: _, ...rest } = uploadBody()
    const doubled = (first: string, last: string) =>
      `{"key":"${first}",${JSON.stringify(rest).slice(1, -1)},"key":"${last}"}`
    await gateway.refuse('POST', '/v1/uploads', doubled(own, foreign), DENIED)
    const response = await gateway.call('POST', '/v1/uploads', doubled(foreign, own))
    expect(response.status).toBe(201)
    const upload = await response.json()
    expect(upload.key).toBe(own)
    expect(rawPath(upload.request)).toBe(`/media-prod/${own}`)
    const kept = await gateway.call('GET', `/v1/uploads/${upload.id}`)
    expect((await kept.json()).key).toBe(own)
    expect(gateway.audited.at(-1)).toMatchObject({
      event: 'upload.granted',
      keyHash: keyHash(nodeHashing, own),
    })
  })
})

const NOT_OF_PARTS = 'the upload is not of parts'

describe('many at once', () => {
  const item = (key: string) => ({ bucket: 'media', key: `acme/alice/${key}` })
  const items = (count: number) => Array.from({ length: count }, (_, index) => item(String(index)))
  const ask = (wanted: readonly unknown[]) =>
    gateway.call('POST', '/v1/downloads', { items: wanted })

  it('K21 400: 1,001 items, and none; 200 for 1,000', async () => {
    gateway = await openWatchedGateway()
    await gateway.refuse('POST', '/v1/downloads', { items: items(1_001) }, INVALID)
    await gateway.refuse('POST', '/v1/downloads', { items: [] }, INVALID)
    const answer = await ask(items(1_000))
    expect(answer.status).toBe(200)
    const { items: signed } = await answer.json()
    expect(
      new Set(signed.map(({ request }: { request: { url: string } }) => request.url)).size,
    ).toBe(1_000)
  })

  it('K21 403: one forbidden among 1,000, wherever it stands, and none is signed', async () => {
    gateway = await openWatchedGateway()
    for (const at of [0, 500, 999]) {
      const mixed = items(1_000).with(at, { bucket: 'media', key: 'acme/bob/x' })
      const problem = await gateway.refuse('POST', '/v1/downloads', { items: mixed }, DENIED)
      expect(problem.detail).toContain(`(items.${at})`)
      const elsewhere = items(1_000).with(at, { bucket: 'other', key: 'acme/alice/x' })
      await gateway.refuse('POST', '/v1/downloads', { items: elsewhere }, DENIED)
    }
  })

  it('K21 429: N items are N requests, of a rate and of a quota', async () => {
    const rates = [
      { policy: 'rate', per: 'user', requests: 60, windowSeconds: 60, burst: 10 },
    ] as const
    const quotas = [
      { policy: 'daily', per: 'user', unit: 'requests', limit: 15, window: 'day' },
    ] as const
    gateway = await openWatchedGateway({ plan: { rates, quotas } })
    expect((await ask(items(7))).status).toBe(200)
    const slow = { status: 429, code: 'SlowDown' } as const
    const rated = await gateway.refuse('POST', '/v1/downloads', { items: items(4) }, slow)
    expect(rated.violations).toMatchObject([{ policy: 'rate', requested: 4 }])
    expect((await ask(items(3))).status).toBe(200)
    await gateway.refuse('POST', '/v1/downloads', item('one'), slow)
    gateway.clock.advance(10_000)
    const quota = { status: 429, code: 'QuotaExceeded' } as const
    const daily = await gateway.refuse('POST', '/v1/downloads', { items: items(6) }, quota)
    expect(daily.violations).toMatchObject([{ policy: 'daily', used: 10, requested: 6 }])
    expect((await ask(items(5))).status).toBe(200)
    await gateway.refuse('POST', '/v1/downloads', item('one'), quota)
  })

  it('K21 400: part numbers outside 1 to 10,000, doubled, or in the wrong order', async () => {
    gateway = await openWatchedGateway()
    const created = await gateway.call('POST', '/v1/uploads', uploadBody())
    const path = `/v1/uploads/${(await created.json()).id}/parts`
    for (const body of [
      { from: 1, to: 10_001 },
      { from: 0, to: 1 },
      { from: 2, to: 1 },
      { from: 1 },
      { from: 1.5, to: 2 },
      { from: '1', to: 2 },
      { from: 1, to: 2, partNumbers: [1] },
      { partNumbers: [] },
      { partNumbers: [1, 1] },
      { partNumbers: [0] },
      { partNumbers: [10_001] },
      { partNumbers: ['1abc'] },
      { partNumbers: Array.from({ length: 10_001 }, (_, index) => index + 1) },
      {},
    ]) {
      const problem = await gateway.refuse('POST', path, body, INVALID)
      expect(problem.detail).not.toContain(NOT_OF_PARTS)
    }
    for (const body of [{ from: 1, to: 10_000 }, { from: 1, to: 1 }, { partNumbers: [2, 1] }]) {
      const problem = await gateway.refuse('POST', path, body, INVALID)
      expect(problem.detail).toContain(NOT_OF_PARTS)
    }
  })
})
