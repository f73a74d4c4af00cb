import type { StoreCredential } from './store.ts'

/** aws4fetch's cache for a credential on one UTC day, `YYYYMMDD`. */
export type SigningKeysOf = (credential: StoreCredential, day: string) => Map<string, ArrayBuffer>

/**
 * Keeps derived signing keys between requests. aws4fetch names them by the secret in plain text, so
 * there is one cache per credential, out of everybody's sight, and it goes with the credential or
 * with the day.
 */
export function createSigningKeys(): SigningKeysOf {
  const kept = new WeakMap<StoreCredential, { day: string; keys: Map<string, ArrayBuffer> }>()
  return function signingKeysOf(credential, day) {
    const found = kept.get(credential)
    if (found?.day === day) return found.keys
    const keys = new Map<string, ArrayBuffer>()
    kept.set(credential, { day, keys })
    return keys
  }
}
