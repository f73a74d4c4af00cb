import { hash } from 'node:crypto'
import type { Hashing } from '../hashing.ts'

const BLOCK_BYTES = 64
const DIGEST_BYTES = 32

interface Pads {
  readonly inner: Buffer
  readonly outer: Buffer
}

/** Pads go with their keys: the same few sign and verify all the time. */
const pads = new WeakMap<Uint8Array, Pads>()

/**
 * The runtime's own SHA-256, one call a hash. HMAC (RFC 2104) is two of them over padded keys, which
 * `createHmac` would turn into a key object each time, at several times the cost.
 */
export const nodeHashing: Hashing = {
  sha256: (data) => hash('sha256', data, 'buffer'),
  hmacSha256(key, data) {
    const { inner, outer } = padsOf(key)
    const message = typeof data === 'string' ? Buffer.from(data) : data
    const innerDigest = hash('sha256', Buffer.concat([inner, message]), 'buffer')
    return hash('sha256', Buffer.concat([outer, innerDigest], BLOCK_BYTES + DIGEST_BYTES), 'buffer')
  },
}

function padsOf(key: Uint8Array): Pads {
  const known = pads.get(key)
  if (known !== undefined) return known
  const block = Buffer.alloc(BLOCK_BYTES)
  block.set(key.length > BLOCK_BYTES ? hash('sha256', key, 'buffer') : key)
  const made = {
    inner: Buffer.from(block.map((byte) => byte ^ 0x36)),
    outer: Buffer.from(block.map((byte) => byte ^ 0x5c)),
  }
  pads.set(key, made)
  return made
}
