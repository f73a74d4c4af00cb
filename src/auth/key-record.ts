import type { Permission, Principal } from './principal.ts'

/** An API key as it is stored: nothing in it lets anybody make the key again. */
export interface KeyRecord {
  /** Letters and digits; unique over all tenants, because it is all that a key says about itself. */
  readonly id: string
  readonly tenant: string
  readonly user: string
  /** `v<pepper version>:<base64url HMAC-SHA-256>`, as `hashApiKey` writes it. */
  readonly hash: string
  readonly permissions: readonly Permission[]
}

/** Who a key stands for. */
export function principalOf(key: KeyRecord): Principal {
  const { id, tenant, user, permissions } = key
  return Object.freeze({ tenant, user, keyId: id, permissions })
}
