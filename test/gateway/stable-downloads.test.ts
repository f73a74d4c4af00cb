import { afterEach, describe, expect, it } from 'vitest'
import { TestClock } from '../support/test-clock.ts'
import { CAPABLE_STORE } from '../support/test-config.ts'
import type { TestGateway } from '../support/test-gateway.ts'
import { openWatchedGateway, type WatchedGateway } from '../support/watched-gateway.ts'

const KEY = 'acme/alice/cat.jpg'
const LIFETIME = 300
const WINDOW = 60
const START_MS = Date.UTC(2026, 0, 15, 12)
const INVALID = { status: 400, code: 'InvalidRequest' } as const

const open: TestGateway[] = []
afterEach(async () => {
  for (const gateway of open.splice(0)) await gateway.close()
})

async function openGateway(
  options: Parameters<typeof openWatchedGateway>[0] = {},
): Promise<WatchedGateway> {
  const gateway = await openWatchedGateway({ clock: new TestClock(START_MS), ...options })
  open.push(gateway)
  return gateway
}

interface Signed {
  readonly url: string
  readonly expiresAtMs: number
}

async function sign(
  gateway: TestGateway,
  members: Readonly<Record<string, unknown>> = {},
): Promise<Signed> {
  const wanted = { bucket: 'media', key: KEY, expiresInSeconds: LIFETIME, ...members }
  const answer = await gateway.call('POST', '/v1/downloads', wanted)
  if (answer.status !== 200) throw new Error(`${answer.status}: ${await answer.text()}`)
  const { request, expiresAt } = await answer.json()
  return { url: request.url, expiresAtMs: Date.parse(expiresAt) }
}

/** When the URL ends by what is signed: dated back by 30 s, and as much longer. */
function signedEndMs(url: string): number {
  const query = new URL(url).searchParams
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(query.get('X-Amz-Date') ?? '') ?? []
  const at = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  return at + Number(query.get('X-Amz-Expires')) * 1000
}

/** Seconds after `START_MS` at which the URL changes, of the next `seconds`. */
async function changes(gateway: TestGateway, seconds: number, key = KEY): Promise<number[]> {
  const found: number[] = []
  let last = (await sign(gateway, { key, stableForSeconds: WINDOW })).url
  for (let second = 1; second <= seconds; second += 1) {
    gateway.clock.advance(1000)
    const { url } = await sign(gateway, { key, stableForSeconds: WINDOW })
    if (url !== last) found.push(second)
    last = url
  }
  return found
}

describe('a stable download', () => {
  it('is the same URL for exactly its window, then another one', async () => {
    const gateway = await openGateway()
    const found = await changes(gateway, 3 * WINDOW)
    expect(found).toHaveLength(3)
    const [first = 0, second, third] = found
    expect([second, third]).toEqual([first + WINDOW, first + 2 * WINDOW])
    expect(first).toBeLessThanOrEqual(WINDOW)
  })

  it('is the same to the millisecond at both edges of the window', async () => {
    const gateway = await openGateway()
    const [first = 0] = await changes(gateway, WINDOW)
    gateway.clock.advance((first - 1) * 1000 + 999)
    const before = await sign(gateway, { stableForSeconds: WINDOW })
    gateway.clock.advance(1)
    const after = await sign(gateway, { stableForSeconds: WINDOW })
    expect(after.url).not.toBe(before.url)
    gateway.clock.advance(WINDOW * 1000 - 1)
    expect((await sign(gateway, { stableForSeconds: WINDOW })).url).toBe(after.url)
    gateway.clock.advance(1)
    expect((await sign(gateway, { stableForSeconds: WINDOW })).url).not.toBe(after.url)
  })

  it('lives no longer than was asked for, and at least that less its window', async () => {
    const gateway = await openGateway()
    for (let second = 0; second < 2 * WINDOW; second += 1) {
      const { url, expiresAtMs } = await sign(gateway, { stableForSeconds: WINDOW })
      const left = expiresAtMs - gateway.clock.nowMs()
      expect(left).toBeLessThanOrEqual(LIFETIME * 1000)
      expect(left).toBeGreaterThan((LIFETIME - WINDOW) * 1000)
      expect(signedEndMs(url)).toBe(expiresAtMs)
      gateway.clock.advance(1000)
    }
  })

  it('is the same from two gateways whose clocks are apart within a window', async () => {
    const one = await openGateway()
    const [first = 0] = await changes(one, WINDOW)
    const at = START_MS + (WINDOW + first) * 1000
    const early = await openGateway({ clock: new TestClock(at) })
    const late = await openGateway({ clock: new TestClock(at + WINDOW * 1000 - 1) })
    const next = await openGateway({ clock: new TestClock(at + WINDOW * 1000) })
    const [a, b, c] = await Promise.all(
      [early, late, next].map((gateway) => sign(gateway, { stableForSeconds: WINDOW })),
    )
    expect(b).toEqual(a)
    expect(c?.url).not.toBe(a?.url)
  })

  it('begins its windows at other moments for other keys', async () => {
    const firsts = new Set<number>()
    for (const name of 'abcdefgh') {
      const [first = 0] = await changes(await openGateway(), WINDOW, `acme/alice/${name}`)
      firsts.add(first)
    }
    expect(firsts.size).toBeGreaterThan(4)
  })

  it('is another URL for another file name, disposition or version', async () => {
    const operations = ['download', 'versions']
    const gateway = await openGateway({ allow: { 'acme/alice': [{ operations }] } })
    const urls = new Set<string>()
    for (const members of [{}, { filename: 'a' }, { filename: 'b' }, { versionId: '1' }]) {
      urls.add((await sign(gateway, { stableForSeconds: WINDOW, ...members })).url)
    }
    expect(urls.size).toBe(4)
  })

  it('is off with 0, and by default: a new URL each second', async () => {
    const gateway = await openGateway()
    for (const members of [{}, { stableForSeconds: 0 }]) {
      const before = await sign(gateway, members)
      expect(before.expiresAtMs).toBe(gateway.clock.nowMs() + LIFETIME * 1000)
      gateway.clock.advance(1000)
      expect((await sign(gateway, members)).url).not.toBe(before.url)
    }
  })

  it('400: as long as the lifetime or longer, negative, or no whole number; one second less is fine', async () => {
    const gateway = await openGateway()
    const wanted = { bucket: 'media', key: KEY, expiresInSeconds: LIFETIME }
    for (const stableForSeconds of [LIFETIME, LIFETIME + 1, 1e9, -1, 0.5, '60', '', null]) {
      const body = { ...wanted, stableForSeconds }
      const problem = await gateway.refuse('POST', '/v1/downloads', body, INVALID)
      expect(problem.fields).toMatchObject([{ path: 'stableForSeconds' }])
      const items = [{ bucket: 'media', key: KEY }, body]
      await gateway.refuse('POST', '/v1/downloads', { items }, INVALID)
    }
    const longest = await sign(gateway, { stableForSeconds: LIFETIME - 1 })
    expect(longest.expiresAtMs).toBeGreaterThan(gateway.clock.nowMs())
  })
})

describe("a bucket's own window", () => {
  const bucket = { download: { stableForSeconds: WINDOW } }

  it('holds for downloads and redirects that ask for nothing, and gives way to what they ask', async () => {
    const gateway = await openGateway({ bucket })
    const redirect = async () => {
      const answer = await gateway.call('GET', `/v1/objects/media/${KEY}`)
      expect(answer.headers.get('cache-control')).toBe('no-store')
      return answer.headers.get('location')
    }
    const [first = 0] = await changes(gateway, WINDOW)
    gateway.clock.advance(first * 1000)
    const signed = await sign(gateway)
    const redirected = await redirect()
    expect(redirected).toBe(signed.url)
    gateway.clock.advance(WINDOW * 1000 - 1)
    expect([(await sign(gateway)).url, await redirect()]).toEqual([signed.url, signed.url])
    expect((await sign(gateway, { stableForSeconds: 0 })).url).not.toBe(signed.url)
    gateway.clock.advance(1)
    expect(await redirect()).not.toBe(redirected)
  })

  it('gives way to a life that is no longer than it', async () => {
    const gateway = await openGateway({ bucket })
    for (const [expiresInSeconds, isStable] of [
      [WINDOW + 1, true],
      [WINDOW, false],
      [1, false],
    ] as const) {
      const { expiresAtMs } = await sign(gateway, { expiresInSeconds })
      const end = gateway.clock.nowMs() + expiresInSeconds * 1000
      expect(expiresAtMs === end).toBe(!isStable)
      expect(expiresAtMs).toBeLessThanOrEqual(end)
      expect(expiresAtMs).toBeGreaterThan(gateway.clock.nowMs())
    }
  })

  it('is told by the store when it would live too long, as any other', async () => {
    const capabilities = { ...CAPABLE_STORE.capabilities, maxExpiresSeconds: 230 }
    const gateway = await openGateway({ bucket, store: { capabilities } })
    const { url, expiresAtMs } = await sign(gateway, { expiresInSeconds: 200 })
    expect(Number(new URL(url).searchParams.get('X-Amz-Expires'))).toBeLessThanOrEqual(230)
    expect(expiresAtMs - gateway.clock.nowMs()).toBeLessThanOrEqual(200_000)
  })
})

describe('1,000 downloads at once', () => {
  const items = (count: number, last: Readonly<Record<string, unknown>> = {}) =>
    Array.from({ length: count }, (_, index) => ({
      bucket: 'media',
      key: `acme/alice/${index}`,
      ...(index === count - 1 && last),
    }))
  const ask = (gateway: TestGateway, count: number) =>
    gateway.call('POST', '/v1/downloads', { items: items(count) })

  it('D04 200: each for its own key and no longer than asked; 400 for 1,001 and for none', async () => {
    const gateway = await openGateway()
    const answer = await ask(gateway, 1_000)
    expect(answer.status).toBe(200)
    const signed = (await answer.json()).items as { request: { url: string }; expiresAt: string }[]
    const paths = signed.map(({ request }) => new URL(request.url).pathname)
    expect(paths).toEqual(items(1_000).map(({ key }) => `/media-prod/${key}`))
    const ends = new Set(signed.map(({ expiresAt }) => Date.parse(expiresAt)))
    expect(ends).toEqual(new Set([START_MS + 300_000]))
    for (const count of [0, 1_001]) {
      await gateway.refuse('POST', '/v1/downloads', { items: items(count) }, INVALID)
    }
  })

  it.each([
    ['K03 400', { key: 'acme/alice/../x' }, { status: 400, code: 'InvalidKey' }],
    ['K14 403', { key: 'acme/alice2/x' }, { status: 403, code: 'AccessDenied' }],
    ['P05 403', { versionId: '1' }, { status: 403, code: 'AccessDenied' }],
    ['D01 403', { disposition: 'inline' }, { status: 403, code: 'AccessDenied' }],
    ['D02 400', { filename: 'a\r\nb' }, INVALID],
    ['D04 400', { expiresInSeconds: 3_601 }, INVALID],
    ['D04 400', { stableForSeconds: 300 }, INVALID],
  ] as const)(
    '%s: the last of 1,000 with %j, and none is signed or charged',
    async (_, last, refusal) => {
      const gateway = await openGateway()
      await gateway.refuse('POST', '/v1/downloads', { items: items(1_000, last) }, refusal)
    },
  )
})
