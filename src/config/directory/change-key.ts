import { GatewayError } from '../../errors.ts'
import type { AllowInput } from '../schema-allow.ts'
import { type KeyDocument, MAX_LIVE_SECRETS, type StoredSecret } from './key-document.ts'

/** What may be changed of a key; `null` takes a member away, an absent one stays. */
export interface KeyChange {
  readonly label?: string | null
  readonly expiresAtMs?: number | null
  readonly allow?: readonly AllowInput[]
}

/** A new secret, and how long the ones before it go on. */
export interface Rotation {
  readonly hash: string
  /** The last four characters of the key's text. */
  readonly last4: string
  readonly nowMs: number
  /** 0: they end at once. */
  readonly overlapMs: number
}

/** The key with other members. */
export function changedKey(key: KeyDocument, change: KeyChange): KeyDocument {
  const { label = key.label, expiresAtMs = key.expiresAtMs, allow = key.allow } = change
  const { label: _label, expiresAtMs: _expiresAtMs, ...rest } = key
  return {
    ...rest,
    allow: [...allow],
    ...(label !== undefined && label !== null && { label }),
    ...(expiresAtMs !== undefined && expiresAtMs !== null && { expiresAtMs }),
  }
}

/**
 * The key with a new secret in front. Those before it end after the overlap, or sooner if they would have;
 * what has ended goes. Throws `DeleteConflict` when too many would be left.
 */
export function rotatedKey(key: KeyDocument, rotation: Rotation): KeyDocument {
  const { hash, last4, nowMs, overlapMs } = rotation
  const endMs = nowMs + overlapMs
  const older = key.hashes
    .map((secret) => ({ ...secret, expiresAtMs: Math.min(secret.expiresAtMs ?? endMs, endMs) }))
    .filter(({ expiresAtMs }) => expiresAtMs > nowMs)
  if (older.length >= MAX_LIVE_SECRETS) {
    throw new GatewayError(
      'DeleteConflict',
      `Cannot rotate the key: ${older.length} of its secrets still work; wait until one has ended, or end all with an overlap of 0`,
    )
  }
  return { ...key, hashes: [{ hash, last4, createdAtMs: nowMs }, ...older] }
}

/** The key without any secret: nothing opens it any more, and its id stays taken. */
export function revokedKey(key: KeyDocument, nowMs: number): KeyDocument {
  return { ...key, hashes: [], revokedAtMs: key.revokedAtMs ?? nowMs }
}

/** The key with one hash in the place of another of the same secret; `undefined` if that is gone. */
export function rehashedKey(
  key: KeyDocument,
  { from, to }: { readonly from: string; readonly to: string },
): KeyDocument | undefined {
  if (!key.hashes.some(({ hash }) => hash === from)) return undefined
  const renamed = (secret: StoredSecret) =>
    secret.hash === from ? { ...secret, hash: to } : secret
  return { ...key, hashes: key.hashes.map(renamed) }
}

/** Where a key stands. `revoked` goes before `expired`. */
export type KeyStatus = 'active' | 'expired' | 'revoked'

/** Whether a key works at a moment. It ends at its end, not after it. */
export function keyStatus(
  {
    expiresAtMs,
    revokedAtMs,
  }: { readonly expiresAtMs?: number | undefined; readonly revokedAtMs?: number | undefined },
  nowMs: number,
): KeyStatus {
  if (revokedAtMs !== undefined) return 'revoked'
  return expiresAtMs !== undefined && expiresAtMs <= nowMs ? 'expired' : 'active'
}
