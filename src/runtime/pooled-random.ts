import { randomFillSync } from 'node:crypto'

const POOL_BYTES = 4_096

/**
 * Cryptographically random bytes, drawn from a pool: one call to the system for many small requests.
 * What is handed out is a copy and is wiped from the pool.
 */
export function createPooledRandom(): (length: number) => Uint8Array<ArrayBuffer> {
  const pool = new Uint8Array(POOL_BYTES)
  let at = POOL_BYTES
  return (length) => {
    if (length > POOL_BYTES) return randomFillSync(new Uint8Array(length))
    if (at + length > POOL_BYTES) {
      randomFillSync(pool)
      at = 0
    }
    const bytes = pool.slice(at, at + length)
    pool.fill(0, at, at + length)
    at += length
    return bytes
  }
}
