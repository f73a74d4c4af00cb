import { createHmac, hash } from 'node:crypto'
import type { Hashing } from '../hashing.ts'

/** The runtime's own SHA-256 and HMAC, one call each. */
export const nodeHashing: Hashing = {
  sha256: (data) => hash('sha256', data, 'buffer'),
  hmacSha256: (key, data) => createHmac('sha256', key).update(data).digest(),
}
