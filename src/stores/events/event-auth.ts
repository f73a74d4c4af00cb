import { MAX_AUTHORIZATION_BYTES } from '../../auth/bearer.ts'
import { equalDigests, type Hashing, toHex } from '../../hashing.ts'
import { Secret } from '../../secret.ts'
import { memberOf } from './event-json.ts'
import type { EventSettings } from './event-settings.ts'

/** B2's signature of a delivery. */
export const B2_SIGNATURE = 'x-bz-event-notification-signature'

/** Compared with where there is no secret, so that this costs the same. It proves nothing. */
const DECOY = new Secret('')
const encoder = new TextEncoder()

/**
 * True for one of the store's event secrets. Both sides are hashed and then compared in constant time,
 * with all secrets, whichever one matches; a store without any costs the same.
 */
export function isEventSecret(
  presented: string,
  settings: Pick<EventSettings, 'secrets'> | undefined,
  hashing: Hashing,
): boolean {
  const secrets = settings?.secrets ?? []
  const [current = DECOY, previous = current] = secrets
  const digest = hashing.sha256(presented)
  const matches = [current, previous].map((secret) =>
    equalDigests(digest, hashing.sha256(secret.reveal())),
  )
  return secrets.length > 0 && matches.includes(true)
}

/** The text behind `Bearer`; `undefined` without one. What is too long is not looked at. */
export function presentedToken(headers: Headers): string | undefined {
  return credentialOf(headers, /^bearer ([!-~]+)$/i)
}

/** The password of `Basic` (RFC 7617), whoever the user; `undefined` without one. */
export function presentedPassword(headers: Headers): string | undefined {
  const encoded = credentialOf(headers, /^basic ([A-Za-z0-9+/]+={0,2})$/i)
  if (encoded === undefined) return undefined
  try {
    const pair = atob(encoded)
    const colon = pair.indexOf(':')
    return colon === -1 ? undefined : pair.slice(colon + 1)
  } catch {
    return undefined
  }
}

/** B2: `v1=` and the HMAC-SHA256 of the raw body by the secret as it is written. */
export function isSignedByB2(
  signature: string,
  raw: Uint8Array,
  { settings, hashing }: { settings: Pick<EventSettings, 'secrets'>; hashing: Hashing },
): boolean {
  const presented = hashing.sha256(signature)
  const matches = settings.secrets.map((secret) => {
    const mac = toHex(hashing.hmacSha256(encoder.encode(secret.reveal()), raw))
    return equalDigests(presented, hashing.sha256(`v1=${mac}`))
  })
  return matches.includes(true)
}

/**
 * Ceph: every record brings the secret along, or the delivery is not proven. Without any record there
 * is no proof.
 */
export function isOpaqueProof(body: unknown, isSecret: (presented: string) => boolean): boolean {
  const records = memberOf(body, 'Records')
  if (!Array.isArray(records) || records.length === 0) return false
  return records.every((record) => {
    const presented = memberOf(record, 'opaqueData')
    return typeof presented === 'string' && isSecret(presented)
  })
}

function credentialOf(headers: Headers, scheme: RegExp): string | undefined {
  const value = headers.get('authorization')
  if (value === null || value.length > MAX_AUTHORIZATION_BYTES) return undefined
  return scheme.exec(value)?.[1]
}
