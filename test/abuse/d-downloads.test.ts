import { afterEach, describe, expect, it } from 'vitest'
import { type GatewayOnStore, gatewayOnStore } from '../gateway/gateway-on-store.ts'
import { expectRefused, stateOf } from '../support/expect-refused.ts'
import { queryNames, SIGNATURE_NAMES } from '../support/grants.ts'
import { realStores } from '../support/stores/stores-under-test.ts'
import { CAPABLE_STORE } from '../support/test-config.ts'
import { openTestGateway, type TestGateway } from '../support/test-gateway.ts'

const KEY = 'acme/alice/cat.jpg'
const INLINE = { download: { disposition: 'inline' }, upload: uploadOf(['image/jpeg']) }

let gateway: TestGateway
afterEach(() => gateway.close())

function uploadOf(contentTypes: readonly string[]) {
  return { maxSizeBytes: 10_000, contentTypes }
}

function wanted(changes: Readonly<Record<string, unknown>> = {}) {
  return { bucket: 'media', key: KEY, ...changes }
}

async function sign(changes: Readonly<Record<string, unknown>> = {}) {
  const response = await gateway.call('POST', '/v1/downloads', wanted(changes))
  expect(response.status).toBe(200)
  return (await response.json()) as { request: { url: string }; expiresAt: string }
}

function dispositionOf(url: string): string | null {
  return new URL(url).searchParams.get('response-content-disposition')
}

describe('disposition', () => {
  it('D01 attachment unless the bucket lets callers choose, and then only what they ask for', async () => {
    gateway = await openTestGateway()
    expect(dispositionOf((await sign()).request.url)).toBe('attachment')
    await expectRefused(
      await gateway.call('POST', '/v1/downloads', wanted({ disposition: 'inline' })),
      { status: 403, code: 'AccessDenied' },
      { gateway },
    )
    await gateway.close()
    gateway = await openTestGateway({ bucket: INLINE })
    expect(dispositionOf((await sign()).request.url)).toBe('attachment')
    expect(dispositionOf((await sign({ disposition: 'inline' })).request.url)).toBe('inline')
  })

  it('D01 400: no member sets the type that a download shows itself with', async () => {
    gateway = await openTestGateway({ bucket: INLINE })
    const before = stateOf(gateway)
    for (const name of ['contentType', 'response-content-type', 'responseContentType']) {
      const response = await gateway.call('POST', '/v1/downloads', wanted({ [name]: 'text/html' }))
      await expectRefused(response, { status: 400, code: 'InvalidRequest' }, { gateway, before })
    }
  })

  it.each([['text/html'], ['image/svg+xml'], ['application/xhtml+xml']])(
    'D01 the start fails: a bucket that shows %s inline',
    async (type) => {
      gateway = await openTestGateway()
      const bucket = { download: { disposition: 'inline' }, upload: uploadOf([type]) }
      await expect(openTestGateway({ bucket })).rejects.toThrow(/contentTypes|disposition/)
    },
  )
})

describe('file names', () => {
  it.each([
    ['CR and LF', 'a\r\nSet-Cookie: x'],
    ['a path', '../../x'],
    ['a backslash', '..\\x'],
    ['a bidirectional control', 'exe\u202egpj.txt'],
    ['256 bytes', 'x'.repeat(256)],
    ['256 bytes in fewer characters', '€'.repeat(86)],
    ['10 KB', 'x'.repeat(10_240)],
  ])('D02 400 InvalidRequest: %s', async (_, filename) => {
    gateway = await openTestGateway()
    const before = stateOf(gateway)
    const response = await gateway.call('POST', '/v1/downloads', wanted({ filename }))
    await expectRefused(response, { status: 400, code: 'InvalidRequest' }, { gateway, before })
  })

  it.each([
    [
      'quotes and a semicolon',
      'a";b.txt',
      `attachment; filename="a\\";b.txt"; filename*=UTF-8''a%22%3Bb.txt`,
    ],
    ['255 bytes', 'x'.repeat(255), `attachment; filename="${'x'.repeat(255)}"`],
  ])('D02 200: %s, quoted as RFC 6266 asks', async (_, filename, disposition) => {
    gateway = await openTestGateway()
    expect(dispositionOf((await sign({ filename })).request.url)).toBe(disposition)
  })

  it('D02 200: other scripts, as ASCII for old readers and in full for others', async () => {
    gateway = await openTestGateway()
    const disposition = dispositionOf((await sign({ filename: '5 € für dich.txt' })).request.url)
    expect(disposition).toMatch(/^attachment; filename="5 . f.r dich\.txt"; filename\*=UTF-8''/)
    expect(decodeURIComponent(disposition?.split("UTF-8''")[1] ?? '')).toBe('5 € für dich.txt')
  })
})

describe.each(realStores())('overrides at the store: $kind', (store) => {
  let onStore: GatewayOnStore

  it('D03 refused: a type appended to the signed URL by hand, once or twice', async () => {
    onStore = await gatewayOnStore(store)
    gateway = onStore
    await onStore.putDirectly(KEY, 10)
    const { request } = await sign()
    const names = [...SIGNATURE_NAMES, 'response-content-disposition']
    expect(queryNames(request)).toEqual(names.sort((a, b) => (a < b ? -1 : 1)))
    expect((await fetch(request.url)).status).toBe(200)
    const added = '&response-content-type=text%2Fhtml'
    for (const url of [request.url + added, request.url + added + added]) {
      const response = await fetch(url)
      expect(response.status).toBe(403)
      expect(response.headers.get('content-type')).not.toContain('text/html')
    }
  })

  it('D03 keeps the signed disposition when another is appended', async () => {
    onStore = await gatewayOnStore(store)
    gateway = onStore
    await onStore.putDirectly(KEY, 10)
    const { request } = await sign()
    const response = await fetch(`${request.url}&response-content-disposition=inline`)
    expect([response.ok, response.headers.get('content-disposition')]).toEqual([false, null])
  })
})

describe('lifetimes', () => {
  it.each([0, -1, 0.5, '60', '', 3_601, 604_801, 1e9, null])(
    'D04 400 InvalidRequest: %j seconds',
    async (expiresInSeconds) => {
      gateway = await openTestGateway()
      const before = stateOf(gateway)
      for (const path of ['/v1/downloads', '/v1/uploads']) {
        const upload = { sizeBytes: 1, contentType: 'image/jpeg' }
        const body = wanted({ expiresInSeconds, ...(path === '/v1/uploads' && upload) })
        const response = await gateway.call('POST', path, body)
        await expectRefused(response, { status: 400, code: 'InvalidRequest' }, { gateway, before })
      }
    },
  )

  it('D04 300 seconds when nothing is asked for, and up to the cap of 3,600', async () => {
    gateway = await openTestGateway()
    const nowMs = gateway.clock.nowMs()
    expect(Date.parse((await sign()).expiresAt) - nowMs).toBe(300_000)
    expect(Date.parse((await sign({ expiresInSeconds: 3_600 })).expiresAt) - nowMs).toBe(3_600_000)
    expect(Date.parse((await sign({ expiresInSeconds: 1 })).expiresAt) - nowMs).toBe(1_000)
  })

  it('D05 never beyond what the store takes: asked for it is 400, and the default is shorter', async () => {
    gateway = await openTestGateway({
      store: { capabilities: { ...CAPABLE_STORE.capabilities, maxExpiresSeconds: 230 } },
    })
    const refused = await gateway.call('POST', '/v1/downloads', wanted({ expiresInSeconds: 201 }))
    await expectRefused(refused, { status: 400, code: 'InvalidRequest' }, { gateway })
    for (const changes of [{}, { expiresInSeconds: 200 }]) {
      const { request, expiresAt } = await sign(changes)
      expect(Date.parse(expiresAt) - gateway.clock.nowMs()).toBe(200_000)
      expect(new URL(request.url).searchParams.get('X-Amz-Expires')).toBe('230')
    }
  })
})

describe('GET /v1/objects', () => {
  it('D06 307: kept by no cache, told to no other site, different by caller', async () => {
    gateway = await openTestGateway()
    const response = await gateway.call('GET', `/v1/objects/media/${KEY}`)
    expect(response.status).toBe(307)
    expect(response.headers.get('location')).toMatch(/^http:\/\/127\.0\.0\.1:9\/media-prod\//)
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(response.headers.get('referrer-policy')).toBe('no-referrer')
    expect(response.headers.get('vary')).toContain('Authorization')
    expect(await response.text()).toBe('')
  })
})
