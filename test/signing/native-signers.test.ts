import { describe, expect, it } from 'vitest'
import type { Hashing } from '../../src/hashing.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { Secret, SignedUrl } from '../../src/secret.ts'
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
