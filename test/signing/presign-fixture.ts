import type { PresignRequest } from '../../src/signing/presigner.ts'
import { EXAMPLE_CREDENTIAL } from '../stores/store-fixture.ts'

/** 2013-05-24T00:00:00Z, the date of AWS's published vectors. */
export const EXAMPLE_DATE_MS = Date.UTC(2013, 4, 24)

/** A presign request of the kind that AWS's examples are. */
export function presignRequest(overrides: Partial<PresignRequest> = {}): PresignRequest {
  return {
    method: 'GET',
    origin: 'https://s3.example.test',
    path: '/bkt/k',
    query: new Map(),
    headers: new Map(),
    credential: EXAMPLE_CREDENTIAL,
    region: 'us-east-1',
    signedAtMs: EXAMPLE_DATE_MS,
    expiresInSeconds: 330,
    ...overrides,
  }
}

/** The raw value of a query parameter, or undefined. */
export function rawQuery(url: string, name: string): string | undefined {
  const search = url.slice(url.indexOf('?') + 1)
  return search
    .split('&')
    .find((pair) => pair.startsWith(`${name}=`))
    ?.slice(name.length + 1)
}

/** Pairs of a query, encoded as AWS documents it and sorted. */
export function encodedPairs(pairs: readonly (readonly [string, string])[]): readonly string[] {
  const encode = (text: string) =>
    [...Buffer.from(text)]
      .map((byte) => {
        const character = String.fromCharCode(byte)
        const plain = /[A-Za-z0-9\-._~]/.test(character)
        return plain ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
      })
      .join('')
  return pairs.map((pair) => pair.map(encode).join('=')).sort()
}
