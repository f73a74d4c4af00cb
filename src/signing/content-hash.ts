import { GatewayError } from '../errors.ts'
import { toHex } from '../hashing.ts'
import type { Capabilities } from '../stores/capabilities.ts'

/**
 * The header that binds the content of a body, from the base64 of its SHA-256 (44 characters). The
 * payload hash also becomes the last canonical line. Throws `UnsupportedByStore` where the store
 * would keep neither.
 */
export function contentHashHeader(
  { checksumSha256, payloadHash }: Pick<Capabilities, 'checksumSha256' | 'payloadHash'>,
  sha256: string,
): [name: string, value: string] {
  if (checksumSha256 === 'yes') return ['x-amz-checksum-sha256', sha256]
  if (payloadHash === 'yes') return ['x-amz-content-sha256', hexOf(sha256)]
  throw new GatewayError(
    'UnsupportedByStore',
    'Cannot sign for this store: the checksum would not be enforced',
    { capability: 'checksum' },
  )
}

function hexOf(base64: string): string {
  return toHex(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)))
}
