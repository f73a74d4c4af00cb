import { describe, expect, it } from 'vitest'
import type { Hashing } from '../../src/hashing.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { Secret, SignedUrl } from '../../src/secret.ts'
import { createAws4fetchPresigner } from '../../src/signing/aws4fetch-presigner.ts'
import { createNativePresigner } from '../../src/signing/native-presigner.ts'
import { EXAMPLE_CREDENTIAL } from '../stores/store-fixture.ts'
import { EXAMPLE_DATE_MS, presignRequest } from './presign-fixture.ts'

const DAY_MS = 86_400_000
/** HMACs from the secret to the signing key. */
const STEPS = 4

/** A presigner that tells how often a signing key was derived. */
function countedPresigner() {
  const counts = { steps: 0, keyed: 0 }
  const hashing: Hashing = {
    ...nodeHashing,
    hmacSha256(key, data) {
      counts.steps += 1
      return nodeHashing.hmacSha256(key, data)
    },
    textHash(key) {
      if (key !== undefined) counts.keyed += 1
      return nodeHashing.textHash(key)
    },
  }
  const presigner = createNativePresigner(hashing)
  const sign = (overrides: Parameters<typeof presignRequest>[0]) => {
    // At once, without a promise.
    expect(presigner.presign(presignRequest(overrides))).toBeInstanceOf(SignedUrl)
    return counts.steps / STEPS
  }
  return { sign, counts, presigner }
}

describe('the signing keys of the native presigner', () => {
  it('are derived once for all requests and policies of a day', () => {
    const { sign, counts, presigner } = countedPresigner()
    for (const signedAtMs of [0, 1, 999, 1_000, DAY_MS / 2, DAY_MS - 1]) {
      expect(sign({ signedAtMs: EXAMPLE_DATE_MS + signedAtMs })).toBe(1)
    }
    expect(presigner.signPolicy('e30=', presignRequest())).toMatch(/^[0-9a-f]{64}$/)
    expect(counts).toEqual({ steps: STEPS, keyed: 1 })
  })

  it('are those of one day at a time, however many days pass: nothing piles up', () => {
    const { sign } = countedPresigner()
    for (let day = 1; day <= 1_000; day += 1) {
      expect(sign({ signedAtMs: EXAMPLE_DATE_MS + day * DAY_MS })).toBe(day)
    }
    // The first day's key is gone, although nothing else was asked of the last 1,000 days.
    expect(sign({ signedAtMs: EXAMPLE_DATE_MS + DAY_MS })).toBe(1_001)
  })

  it('are those of one region at a time for a credential', () => {
    const { sign } = countedPresigner()
    expect(sign({ region: 'eu' })).toBe(1)
    expect(sign({ region: 'us' })).toBe(2)
    expect(sign({ region: 'us' })).toBe(2)
    expect(sign({ region: 'eu' })).toBe(3)
  })

  it('go by the credential and not by its name', () => {
    const { sign } = countedPresigner()
    const renewed = { ...EXAMPLE_CREDENTIAL, secretAccessKey: new Secret('renewed') }
    expect(sign({})).toBe(1)
    expect(sign({ credential: renewed })).toBe(2)
    expect(sign({})).toBe(2)
  })
})

describe('what the native presigner keeps of the request before', () => {
  const base = {
    method: 'PUT',
    query: new Map([
      ['A', 'first'],
      ['partNumber', '1'],
    ]),
    headers: new Map([['content-length', '5']]),
  } as const

  it.each<[string, Parameters<typeof presignRequest>[0]]>([
    ['nothing', {}],
    ['method', { method: 'GET' }],
    ['origin', { origin: 'http://s3.example.test:81' }],
    ['path', { path: '/bkt/l' }],
    ['value of the query', { query: new Map([...base.query, ['partNumber', '2']]) }],
    ['value in front of the signature', { query: new Map([...base.query, ['A', 'second']]) }],
    ['name of the query', { query: new Map([...base.query, ['uploadId', 'x']]) }],
    ['value of a header', { headers: new Map([['content-length', '6']]) }],
    ['name of a header', { headers: new Map([['content-type', '5']]) }],
    ['payload hash', { headers: new Map([['x-amz-content-sha256', 'ab'.repeat(32)]]) }],
    ['life', { expiresInSeconds: 331 }],
    ['second', { signedAtMs: EXAMPLE_DATE_MS + 1_000 }],
    ['day', { signedAtMs: EXAMPLE_DATE_MS + DAY_MS }],
    ['region', { region: 'auto' }],
    ['credential', { credential: { ...EXAMPLE_CREDENTIAL, accessKeyId: 'AKIAOTHER' } }],
    ['secret', { credential: { ...EXAMPLE_CREDENTIAL, secretAccessKey: new Secret('other') } }],
    ['token', { credential: { ...EXAMPLE_CREDENTIAL, sessionToken: new Secret('t') } }],
  ])('is never what differs: %s', async (_, change) => {
    const changed = presignRequest({ ...base, ...change })
    const presigner = createNativePresigner(nodeHashing)
    // Twice each: what comes again is signed by what was kept.
    for (const request of [presignRequest(base), changed, changed, presignRequest(base)]) {
      const fresh = await createAws4fetchPresigner().presign(request)
      expect((await presigner.presign(request)).reveal()).toBe(fresh.reveal())
    }
  })
})
