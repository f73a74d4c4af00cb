import type { PublicJwk } from './issuer.ts'

const MAX_KEYS = 100

/**
 * The keys of a JWK Set (RFC 7517 section 5) that can verify an asymmetric signature; all others are
 * left out, private ones too. Throws for what is no such set, and above 100 keys.
 */
export function publicKeysOf(document: unknown): readonly PublicJwk[] {
  const keys = isObject(document) ? document.keys : undefined
  if (!Array.isArray(keys)) throw new TypeError('Cannot use the key set: it has no list of keys')
  if (keys.length > MAX_KEYS) throw new RangeError('Cannot use the key set: too many keys')
  return keys.filter(isPublicKey)
}

function isPublicKey(key: unknown): key is PublicJwk {
  if (!isObject(key) || 'd' in key) return false
  return key.kty === 'RSA' || key.kty === 'EC' || key.kty === 'OKP'
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
