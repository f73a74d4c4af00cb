import { importJWK } from 'jose'
import { readCapped } from '../../read-capped.ts'
import {
  type KeySource,
  type PublicJwk,
  TOKEN_ALGORITHMS,
  type TokenAlgorithm,
  type TokenIssuer,
} from './issuer.ts'
import { publicKeysOf } from './public-keys.ts'

/** Longest answer that is read; a set of a hundred RSA keys has some 40 KiB. */
export const MAX_JWKS_BYTES = 256 * 1024
/** For both fetches of a discovery together; no request waits that long. */
const TIMEOUT_MS = 5_000

type RemoteSource = Exclude<KeySource, { kind: 'static' }>

/**
 * Gets an issuer's keys from where its settings say; nothing of a token has a say in it. No redirect is
 * followed, 256 KiB are read, and it takes 5 s at most. Keys that can verify nothing are left out. Throws
 * when no usable key comes of it: an issuer without any cannot have meant it, and its last good set is
 * worth more.
 */
export async function fetchKeys(
  issuer: Pick<TokenIssuer, 'issuer'> & { readonly keys: RemoteSource },
  fetch: typeof globalThis.fetch,
): Promise<readonly PublicJwk[]> {
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const get = (url: string) => fetchJson(url, { fetch, signal })
  const { kind, url } = issuer.keys
  const keysUrl = kind === 'url' ? url : keysUrlOf(await get(url), { issuer: issuer.issuer, url })
  const keys = await usableKeys(publicKeysOf(await get(keysUrl)))
  if (keys.length === 0) throw new RangeError('Cannot use the key set: it has no usable key')
  return keys
}

async function usableKeys(keys: readonly PublicJwk[]): Promise<readonly PublicJwk[]> {
  const isUsable = await Promise.all(keys.map(canVerify))
  return keys.filter((_, index) => isUsable[index])
}

/** True for a key that a signature can be held against; whether it is one, only its import tells. */
async function canVerify(jwk: PublicJwk): Promise<boolean> {
  const { use = 'sig', key_ops: operations = ['verify'], alg = ALGORITHM_OF[curveOf(jwk)] } = jwk
  const isForSignatures = Array.isArray(operations) && operations.includes('verify')
  if (use !== 'sig' || !isForSignatures || !isTokenAlgorithm(alg)) return false
  try {
    const key = await importJWK(jwk, alg)
    return !(key instanceof Uint8Array) && key.type === 'public' && isLong(key.algorithm)
  } catch {
    return false
  }
}

// RFC 7518 section 3.3 asks for 2,048 bits of RSA; with fewer nothing is verified.
function isLong(algorithm: object): boolean {
  return !('modulusLength' in algorithm) || Number(algorithm.modulusLength) >= 2048
}

/** What a key without `alg` is for, by its curve. */
const ALGORITHM_OF: Readonly<Record<string, TokenAlgorithm>> = {
  RSA: 'RS256',
  'P-256': 'ES256',
  'P-384': 'ES384',
  'P-521': 'ES512',
  Ed25519: 'EdDSA',
}

function curveOf({ kty, crv }: PublicJwk): string {
  return kty === 'RSA' ? kty : String(crv)
}

function isTokenAlgorithm(alg: unknown): alg is TokenAlgorithm {
  return TOKEN_ALGORITHMS.some((known) => known === alg)
}

async function fetchJson(
  url: string,
  { fetch, signal }: { fetch: typeof globalThis.fetch; signal: AbortSignal },
): Promise<unknown> {
  const response = await fetch(url, {
    redirect: 'manual',
    signal,
    // A connection that is kept for half a minute may be closed at the other end just as it is used again,
    // and the next attempt is half a minute away. Runtimes that forbid the header drop it.
    headers: { accept: 'application/json, application/jwk-set+json', connection: 'close' },
  })
  if (response.status === 200) return JSON.parse(await readCapped(response, MAX_JWKS_BYTES))
  await response.body?.cancel()
  throw new RangeError(`Cannot get the key set: status ${response.status}`)
}

// OpenID Connect Discovery 1.0 section 4.3: the issuer has to be the one that was asked for.
function keysUrlOf(document: unknown, asked: { issuer: string; url: string }): string {
  const { issuer, jwks_uri: text } = isObject(document) ? document : {}
  if (issuer !== asked.issuer) {
    throw new TypeError('Cannot use the discovery document: it is of another issuer')
  }
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined
  const isSafe = url?.protocol === 'https:' || url?.protocol === new URL(asked.url).protocol
  if (url === undefined || !isSafe || url.username !== '' || url.password !== '') {
    throw new TypeError('Cannot use the discovery document: its jwks_uri is no https: URL')
  }
  return url.href
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
