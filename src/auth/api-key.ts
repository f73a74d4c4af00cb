import { equalDigests, fromBase64Url, type Hashing, toBase64Url } from '../hashing.ts'
import { Secret } from '../secret.ts'
import { checksumOf } from './checksum.ts'
import type { VersionedSecret } from './rotating-secret.ts'

/** Length of a key with the longest id, 64 characters. */
export const MAX_API_KEY_CHARACTERS = 122

// The 43 characters may hold `_`, so the key is matched as a whole and never split.
const API_KEY = /^signet_([A-Za-z0-9]{1,64})_([A-Za-z0-9_-]{43})_([0-9A-Za-z]{6})$/
const HASH = /^v([1-9][0-9]{0,8}):([A-Za-z0-9_-]{43})$/
const KEY_ID = /^[A-Za-z0-9]{1,64}$/
const SECRET_BYTES = 32
const encoder = new TextEncoder()

/** An API key that is well-formed; whether it is anybody's key is another question. */
export interface ApiKey {
  readonly id: string
  /** The whole key: what is hashed. */
  readonly text: string
}

/** What a stored hash says. */
export interface StoredHash {
  /** Version of the pepper that it was made with. */
  readonly version: number
  /** 32 bytes. */
  readonly digest: Uint8Array
}

/** True for an id that a key may carry: 1 to 64 ASCII letters and digits. */
export function isKeyId(id: string): boolean {
  return KEY_ID.test(id)
}

/**
 * Reads `signet_<id>_<43 base64url characters>_<checksum>`. `undefined` for anything else, a wrong
 * checksum included; no secret is needed to tell.
 */
export function parseApiKey(text: string): ApiKey | undefined {
  const match = API_KEY.exec(text)
  const [, id, secret, checksum] = match ?? []
  if (id === undefined || secret === undefined) return undefined
  // 43 characters carry 258 bits: the two spare ones must be zero, or two texts would be one key.
  if (fromBase64Url(secret) === undefined) return undefined
  if (checksumOf(`signet_${id}_${secret}`) !== checksum) return undefined
  return { id, text }
}

/**
 * Makes a key of 32 random bytes. `random` must be cryptographically strong. Throws `RangeError` for
 * an id that is not 1 to 64 ASCII letters and digits, and for a source that gives too few bytes.
 */
export function createApiKey(random: (length: number) => Uint8Array, id: string): Secret {
  if (!isKeyId(id)) throw new RangeError('Cannot create the key: its id is not letters and digits')
  const bytes = random(SECRET_BYTES)
  if (bytes.length !== SECRET_BYTES) throw new RangeError('Cannot create the key: too few bytes')
  const body = `signet_${id}_${toBase64Url(bytes)}`
  return new Secret(`${body}_${checksumOf(body)}`)
}

/**
 * What is stored of a key: `v<version>:<base64url of HMAC-SHA-256(pepper, whole key)>`. Fast on
 * purpose: 256 random bits cannot be guessed at any speed, and a slow hash would be a way to
 * overload the gateway.
 */
export function hashApiKey(hashing: Hashing, pepper: VersionedSecret, key: Secret): string {
  const digest = digestOf(hashing, pepper.secret, key.reveal())
  return `v${pepper.version}:${toBase64Url(digest)}`
}

/** Reads a stored hash; `undefined` for what `hashApiKey` would not have written. */
export function parseStoredHash(text: string): StoredHash | undefined {
  const [, version, encoded] = HASH.exec(text) ?? []
  const digest = encoded === undefined ? undefined : fromBase64Url(encoded)
  return digest === undefined ? undefined : { version: Number(version), digest }
}

/** Compares a key with a stored digest in constant time. */
export function verifyApiKey(
  hashing: Hashing,
  pepper: Secret,
  stored: { key: string; digest: Uint8Array },
): boolean {
  return equalDigests(digestOf(hashing, pepper, stored.key), stored.digest)
}

function digestOf(hashing: Hashing, pepper: Secret, key: string): Uint8Array {
  return hashing.hmacSha256(encoder.encode(pepper.reveal()), key)
}
