import { createRequire } from 'node:module'

/** What the embedded store knows of who may sign. */
interface Account {
  createKeyPair(accessKeyId: string, secretAccessKey: string): void
  revokeAccessKey(accessKeyId: string): void
}

// The package brings no types for its inner parts, and is CommonJS.
const { DUMMY_ACCOUNT }: { DUMMY_ACCOUNT: Account } = createRequire(import.meta.url)(
  '@20minutes/s3rver/lib/models/account.js',
)

/** A key pair of all embedded stores of this process, until it is revoked. */
export interface EmbeddedKeyPair {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** The store knows it no longer. Repeating it is safe. */
  revoke(): void
  /** The store knows it again. */
  restore(): void
}

/** Makes one as a store's operator does: what it signs is good from now on. */
export function createEmbeddedKeyPair(): EmbeddedKeyPair {
  const accessKeyId = `AK${crypto.randomUUID().replaceAll('-', '').slice(0, 18).toUpperCase()}`
  const secretAccessKey = crypto.randomUUID()
  const restore = () => DUMMY_ACCOUNT.createKeyPair(accessKeyId, secretAccessKey)
  restore()
  return {
    accessKeyId,
    secretAccessKey,
    revoke: () => DUMMY_ACCOUNT.revokeAccessKey(accessKeyId),
    restore,
  }
}
