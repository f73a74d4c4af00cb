import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { GatewayOnStore } from '../gateway/gateway-on-store.ts'
import { gatewayForParts, PART_BYTES, THREE_PARTS_BYTES } from '../gateway/multipart-fixture.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { embeddedStore } from '../support/stores/stores-under-test.ts'
import { TestClock } from '../support/test-clock.ts'
import { uploadBody } from '../support/test-gateway.ts'
import { startTestIssuer, type TestIssuer } from '../support/token-issuer.ts'

const KEY = 'acme/alice/cat.jpg'
const TOO_LONG = { status: 400, code: 'InvalidRequest' } as const
/** What a bucket gives when nobody asks, in seconds. */
const USUAL = 300

let clock: TestClock
let issuer: TestIssuer
let gateway: GatewayOnStore

beforeAll(async () => {
  // A real store takes no dates from far away.
  clock = new TestClock(Math.floor(Date.now() / 1000) * 1000)
  issuer = await startTestIssuer(() => clock.nowMs())
  gateway = await gatewayForParts(embeddedStore(), {
    clock,
    store: {
      capabilities: {
        preferredPartBytes: PART_BYTES,
        multipart: 'yes',
        writeOnceMultipart: 'no',
        postPolicy: 'yes',
        formHeaders: 'yes',
      },
    },
    buckets: {
      lasting: {
        placements: [{ store: 'main', bucket: 'lasting' }],
        keys: { callerPrefix: '{tenant}/{user}/' },
        upload: { mayOutliveCredential: true },
        download: { mayOutliveCredential: true },
      },
    },
    issuers: {
      corp: {
        issuer: issuer.issuer,
        audience: 'signet',
        jwks: { url: issuer.jwksUrl },
        tenant: { claim: 'tenant' },
        allow: [
          {
            operations: ['upload', 'download'],
            buckets: ['media', 'lasting'],
            prefix: '{tenant}/{user}/',
          },
        ],
      },
    },
  })
})
afterAll(() => Promise.all([gateway.close(), issuer.close()]))

/** A bearer whose token has so many seconds left. */
async function bearer(seconds: number): Promise<Record<string, string>> {
  const exp = clock.nowMs() / 1000 + seconds
  return { authorization: `Bearer ${await issuer.token({ exp })}` }
}

type Life = Readonly<Record<string, unknown>>
type Ask = (headers: Record<string, string>, expiresInSeconds?: number) => Promise<Response>

const post =
  (path: string, body: (life: Life) => unknown): Ask =>
  (headers, expiresInSeconds) =>
    gateway.call('POST', path, body(expiresInSeconds === undefined ? {} : { expiresInSeconds }), {
      headers,
    })
const upload = (changes: Life) => (life: Life) => uploadBody({ ...changes, ...life })
const download = (changes: Life) => (life: Life) => ({
  bucket: 'media',
  key: KEY,
  ...changes,
  ...life,
})

/** Each kind of grant, and where its answer says when it ends. */
const GRANTS: readonly (readonly [string, Ask, (answer: Answer) => string | undefined])[] = [
  ['PUT', post('/v1/uploads', upload({})), ({ expiresAt }) => expiresAt],
  ['form', post('/v1/uploads', upload({ mode: 'post' })), ({ expiresAt }) => expiresAt],
  [
    'parts',
    post('/v1/uploads', upload({ mode: 'multipart', sizeBytes: THREE_PARTS_BYTES })),
    ({ multipart }) => multipart?.partsExpireAt,
  ],
  [
    'batch of PUTs',
    post('/v1/uploads/batch', (life) => ({ items: [upload({})(life)] })),
    ({ items }) => items?.[0]?.expiresAt,
  ],
  ['GET', post('/v1/downloads', download({})), ({ expiresAt }) => expiresAt],
  [
    'batch of GETs',
    post('/v1/downloads', (life) => ({ items: [download({})(life)] })),
    ({ items }) => items?.[0]?.expiresAt,
  ],
]

interface Answer {
  readonly id?: string
  readonly expiresAt?: string
  readonly multipart?: { readonly partsExpireAt: string }
  readonly items?: readonly { readonly expiresAt: string }[]
}

/** What a URL has left, in seconds. */
function lifeOfUrl(url: string): number {
  const { searchParams } = new URL(url)
  const signed = searchParams.get('X-Amz-Date') ?? ''
  const text = signed.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z')
  return (Date.parse(text) - clock.nowMs()) / 1000 + Number(searchParams.get('X-Amz-Expires'))
}

describe.each(GRANTS)('a %s by a token', (_name, ask, endOf) => {
  async function lifeOf(response: Response): Promise<number> {
    expect(response.status).toBeOneOf([200, 201])
    return (Date.parse(endOf(await response.json()) ?? '') - clock.nowMs()) / 1000
  }

  it('D05 400: asked to live longer than the token; by default it ends with the token', async () => {
    const headers = await bearer(100)
    await expectRefused(await ask(headers, 101), TOO_LONG, { gateway })
    expect(await lifeOf(await ask(headers, 100))).toBe(100)
    expect(await lifeOf(await ask(headers))).toBe(100)
    expect(await lifeOf(await ask(await bearer(USUAL + 1)))).toBe(USUAL)
  })

  it('D05 401: by a token that is as good as over, within what clocks may differ', async () => {
    const over = { status: 401, code: 'Unauthenticated' } as const
    for (const left of [0.9, 0, -10]) {
      await expectRefused(await ask(await bearer(left)), over, { gateway })
    }
    expect(await lifeOf(await ask(await bearer(1)))).toBe(1)
  })
})

describe('grants by a token', () => {
  it('D05: more parts, and the same request again, end with the token that asks for them', async () => {
    const [, ask] = GRANTS[2] ?? []
    const made: Answer = await (await ask?.(await bearer(1_000)))?.json()
    const more = (headers: Record<string, string>, life: object = {}) =>
      gateway.call(
        'POST',
        `/v1/uploads/${made.id}/parts`,
        { partNumbers: [2], ...life },
        { headers },
      )
    const headers = await bearer(50)
    await expectRefused(await more(headers, { expiresInSeconds: 51 }), TOO_LONG, { gateway })
    const { expiresAt } = await (await more(headers)).json()
    expect(Date.parse(expiresAt) - clock.nowMs()).toBe(50_000)

    const again = async (seconds: number) => {
      const sameKey = { ...(await bearer(seconds)), 'idempotency-key': 'd05-again' }
      const answer = await gateway.call('POST', '/v1/uploads', uploadBody(), { headers: sameKey })
      expect(answer.status).toBe(201)
      return lifeOfUrl((await answer.json()).request.url)
    }
    expect([await again(1_000), await again(40)]).toEqual([USUAL, 40])
    const batchAgain = async (seconds: number) => {
      const sameKey = { ...(await bearer(seconds)), 'idempotency-key': 'd05-batch-again' }
      const body = { items: [uploadBody()] }
      const answer = await gateway.call('POST', '/v1/uploads/batch', body, { headers: sameKey })
      expect(answer.status).toBe(201)
      return lifeOfUrl((await answer.json()).items[0].request.url)
    }
    expect([await batchAgain(1_000), await batchAgain(40)]).toEqual([USUAL, 40])
  })

  it('D05: a redirect ends with the token, too', async () => {
    const path = `/v1/objects/media/${KEY}`
    const answer = await gateway.call('GET', path, undefined, { headers: await bearer(30) })
    expect(lifeOfUrl(answer.headers.get('location') ?? '')).toBe(30)
  })

  it('D05: where the bucket waives it, they live as long as any', async () => {
    const headers = await bearer(10)
    for (const [path, body] of [
      ['/v1/uploads', uploadBody({ bucket: 'lasting' })],
      ['/v1/downloads', { bucket: 'lasting', key: KEY }],
    ] as const) {
      const { expiresAt } = await (await gateway.call('POST', path, body, { headers })).json()
      expect(Date.parse(expiresAt) - clock.nowMs()).toBe(USUAL * 1000)
    }
  })
})
