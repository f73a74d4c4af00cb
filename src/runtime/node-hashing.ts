import { hash } from 'node:crypto'
import type { Hashing, TextHash } from '../hashing.ts'

const BLOCK_BYTES = 64
const DIGEST_BYTES = 32
/** UTF-8 of a UTF-16 unit. */
const MOST_BYTES_PER_UNIT = 3

interface Pads {
  readonly inner: Buffer
  /** The padded key, and room behind it for the inner digest. */
  readonly outer: Buffer
}

/** Pads go with their keys: the same few sign and verify all the time. */
const pads = new WeakMap<Uint8Array, Pads>()

/**
 * The runtime's own SHA-256, one call a hash. HMAC (RFC 2104) is two of them over padded keys, which
 * `createHmac` would turn into a key object each time, at several times the cost.
 */
export const nodeHashing: Hashing = {
  sha256: (data) => bytesOf(digest(data)),
  hmacSha256(key, data) {
    const { inner, outer } = padsOf(key)
    const message = typeof data === 'string' ? Buffer.from(data) : data
    outer.write(digest(Buffer.concat([inner, message])), BLOCK_BYTES, 'latin1')
    return bytesOf(digest(outer))
  },
  sha256Hex: (data) => hash('sha256', data, 'hex'),
  textHash(key) {
    if (key === undefined) return sha256Of(Buffer.alloc(0))
    const { inner, outer } = padsOf(key)
    const innerHash = sha256Of(inner, 'binary')
    const second = Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES)
    outer.copy(second)
    return function hmac(head, tail) {
      second.write(innerHash(head, tail), BLOCK_BYTES, 'binary')
      return hash('sha256', second, 'hex')
    }
  },
}

/** MD5 of UTF-8 text, 16 bytes: S3 wants it with some requests, and nothing else here relies on it. */
export function nodeMd5(text: string): Uint8Array {
  return hash('md5', text, 'buffer')
}

/** Texts are laid behind the pad in one buffer that is kept, and a head that is there already stays. */
function sha256Of(pad: Buffer, encoding: 'hex' | 'binary' = 'hex'): TextHash {
  let block = Buffer.alloc(0)
  let laid = { head: '', end: 0 }
  let filled = block
  return function textHash(head, tail) {
    const mostBytes = pad.length + (head.length + tail.length) * MOST_BYTES_PER_UNIT
    if (mostBytes > block.length) {
      block = Buffer.alloc(mostBytes)
      pad.copy(block)
      laid = { head: '', end: pad.length }
    }
    if (head !== laid.head) laid = { head, end: pad.length + block.write(head, pad.length) }
    const end = laid.end + block.write(tail, laid.end)
    if (filled.buffer !== block.buffer || filled.length !== end) filled = block.subarray(0, end)
    return hash('sha256', filled, encoding)
  }
}

/** One character a byte: a short text is made in half the time that a buffer takes. */
function digest(data: string | Uint8Array): string {
  return hash('sha256', data, 'binary')
}

function bytesOf(latin1: string): Uint8Array {
  const bytes = new Uint8Array(DIGEST_BYTES)
  for (let index = 0; index < DIGEST_BYTES; index += 1) bytes[index] = latin1.charCodeAt(index)
  return bytes
}

function padsOf(key: Uint8Array): Pads {
  const known = pads.get(key)
  if (known !== undefined) return known
  const block = Buffer.alloc(BLOCK_BYTES)
  block.set(key.length > BLOCK_BYTES ? nodeHashing.sha256(key) : key)
  const made = {
    inner: Buffer.from(block.map((byte) => byte ^ 0x36)),
    outer: Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES),
  }
  made.outer.set(block.map((byte) => byte ^ 0x5c))
  pads.set(key, made)
  return made
}
