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
