import { GatewayError } from '../errors.ts'
import { type Hashing, toHex } from '../hashing.ts'
import { encodeSegment } from '../object-key.ts'
import { SignedUrl } from '../secret.ts'
import { toAmzDate } from '../stores/amz-date.ts'
import type { StoreCredential } from '../stores/store.ts'
import type { PolicySigner, Presigner, PresignRequest } from './presigner.ts'
import { credentialScope, signedHeaderNames } from './scope.ts'

const ALGORITHM = 'AWS4-HMAC-SHA256'
const PAYLOAD_HEADER = 'x-amz-content-sha256'

/**
 * Signs by the runtime's synchronous SHA-256 and HMAC: the same URLs as the aws4fetch driver, byte for
 * byte, without a promise per hash. Signing keys are kept per credential, for one day and region.
 * Source: AWS Signature Version 4, authenticating requests by query parameters.
 */
export function createNativePresigner(hashing: Hashing): Presigner {
  const signingKeyOf = createSigningKeys(hashing)
  return {
    presign(request) {
      assertCanonicalPath(request.path)
      const date = toAmzDate(request.signedAtMs)
      const scope = credentialScope(request)
      const signedHeaders = signedHeaderNames(request)
      const query = canonicalQuery(request, { date, scope, signedHeaders })
      const canonicalRequest = [
        request.method,
        request.path,
        query,
        canonicalHeaders(request),
        '',
        signedHeaders,
        request.headers.get(PAYLOAD_HEADER) ?? 'UNSIGNED-PAYLOAD',
      ].join('\n')
      const digest = toHex(hashing.sha256(canonicalRequest))
      const key = signingKeyOf(request, date.slice(0, 8))
      const signature = toHex(hashing.hmacSha256(key, `${ALGORITHM}\n${date}\n${scope}\n${digest}`))
      return new SignedUrl(`${request.origin}${request.path}?${query}&X-Amz-Signature=${signature}`)
    },
    signPolicy(policy, signer) {
      const key = signingKeyOf(signer, toAmzDate(signer.signedAtMs).slice(0, 8))
      return toHex(hashing.hmacSha256(key, policy))
    },
  }
}

// What clients would rewrite on the way must never be signed: then another object would be meant.
const CANONICAL_PATH = /^\/(?:[A-Za-z0-9._~/-]|%(?!2E)[0-9A-F]{2})*$/
const DOT_SEGMENT = /\/\.{1,2}(?:\/|$)/

function assertCanonicalPath(path: string): void {
  if (CANONICAL_PATH.test(path) && !DOT_SEGMENT.test(path)) return
  throw new GatewayError('InternalError', 'Cannot sign: the path is not in canonical form')
}

function canonicalQuery(
  { credential, query, expiresInSeconds }: PresignRequest,
  { date, scope, signedHeaders }: { date: string; scope: string; signedHeaders: string },
): string {
  const { accessKeyId, sessionToken } = credential
  const pairs: (readonly [string, string])[] = [
    ['X-Amz-Algorithm', ALGORITHM],
    ['X-Amz-Credential', encodeSegment(`${accessKeyId}/${scope}`)],
    ['X-Amz-Date', date],
    ['X-Amz-Expires', String(expiresInSeconds)],
    ['X-Amz-SignedHeaders', signedHeaders.replaceAll(';', '%3B')],
  ]
  if (sessionToken !== undefined) {
    pairs.push(['X-Amz-Security-Token', encodeSegment(sessionToken.reveal())])
  }
  for (const [name, value] of query) pairs.push([encodeSegment(name), encodeSegment(value)])
  return pairs
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
}

/** `name:value` lines, sorted by name; values trimmed, runs of spaces made one. */
function canonicalHeaders({ origin, headers }: PresignRequest): string {
  const host = origin.slice(origin.indexOf('//') + 2)
  return [['host', host] as const, ...headers]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}:${value.trim().replace(/ {2,}/g, ' ')}`)
    .join('\n')
}

type SigningKeyOf = (signer: PolicySigner, day: string) => Uint8Array

/** Keys go with their credential; those of another day are dropped. Their names are no secrets. */
function createSigningKeys(hashing: Hashing): SigningKeyOf {
  const kept = new WeakMap<StoreCredential, { day: string; keys: Map<string, Uint8Array> }>()
  return function signingKeyOf({ credential, region }, day) {
    let entry = kept.get(credential)
    if (entry?.day !== day) {
      entry = { day, keys: new Map() }
      kept.set(credential, entry)
    }
    const known = entry.keys.get(region)
    if (known !== undefined) return known
    const secret = new TextEncoder().encode(`AWS4${credential.secretAccessKey.reveal()}`)
    const key = [day, region, 's3', 'aws4_request'].reduce<Uint8Array>(
      (chained, part) => hashing.hmacSha256(chained, part),
      secret,
    )
    entry.keys.set(region, key)
    return key
  }
}
