import type { Permission, Principal } from './principal.ts'

/** An API key as it is stored: nothing in it lets anybody make the key again. */
export interface KeyRecord {
  /** Letters and digits; unique over all tenants, because it is all that a key says about itself. */
  readonly id: string
  readonly tenant: string
  readonly user: string
  /** Newest first, at least one: a key that is being rotated has two for a while. */
  readonly hashes: readonly KeyHash[]
  readonly permissions: readonly Permission[]
  /** The tenant's bound; absent: none. */
  readonly ceiling?: readonly Permission[]
  /** For people; absent: none. */
  readonly label?: string
  /** When the key ends, in milliseconds; absent: it does not. */
  readonly expiresAtMs?: number
  /** It is known whose it is, and it may do nothing: what it hangs on is not there. */
  readonly outOfUse?: true
  /** Who made it: the configuration file, or somebody by the admin API. */
  readonly source: 'configuration' | 'admin'
}

/** What is stored of one secret of a key. */
export interface KeyHash {
  /** `v<pepper version>:<base64url HMAC-SHA-256>`, as `hashApiKey` writes it. */
  readonly hash: string
  /** When this secret ends, in milliseconds; absent: with the key. */
  readonly expiresAtMs?: number
}

/** Who a key stands for, with a secret of it that ends at `endsAtMs`; `Infinity`: never. */
export function principalOf(key: KeyRecord, endsAtMs: number): Principal {
  const { id, tenant, user, permissions, ceiling, outOfUse } = key
  return Object.freeze({
    tenant,
    user,
    keyId: id,
    permissions,
    ...(ceiling !== undefined && { ceiling }),
    ...(outOfUse === true && { outOfUse }),
    ...(endsAtMs !== Infinity && { expiresAtMs: endsAtMs }),
  })
}
