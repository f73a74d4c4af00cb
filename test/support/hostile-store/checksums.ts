import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { Lie } from './lies.ts'

/** A checksum as S3 knows it: header, base64 of the body's, and the lie that does not check it. */
export interface Checksum {
  readonly header: string
  readonly lie: Lie
  of(body: Buffer): string
}

/** The five that AWS documents (S3 User Guide, checking object integrity). */
export const CHECKSUMS: readonly Checksum[] = [
  { header: 'x-amz-checksum-sha256', lie: 'sha256Ignored', of: (body) => hash('sha256', body) },
  { header: 'x-amz-checksum-sha1', lie: 'sha1Ignored', of: (body) => hash('sha1', body) },
  { header: 'x-amz-checksum-crc32', lie: 'crc32Ignored', of: (body) => base64(crc32(body)) },
  { header: 'x-amz-checksum-crc32c', lie: 'crc32cIgnored', of: (body) => base64(crc32c(body)) },
  { header: 'x-amz-checksum-crc64nvme', lie: 'crc64Ignored', of: (body) => crc64(body) },
]

/** A digest of the body in base64. */
export function hash(algorithm: string, body: Buffer): string {
  return createHash(algorithm).update(body).digest('base64')
}

function base64(number: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(number >>> 0)
  return bytes.toString('base64')
}

const CASTAGNOLI = Array.from({ length: 256 }, (_, index) => {
  let value = index
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1
  return value >>> 0
})

function crc32c(body: Buffer): number {
  let value = 0xffffffff
  for (const byte of body) value = (CASTAGNOLI[(value ^ byte) & 255] ?? 0) ^ (value >>> 8)
  return value ^ 0xffffffff
}

/** CRC-64/NVME: reflected polynomial of the NVM Express specification; bit by bit, for a few bytes. */
function crc64(body: Buffer): string {
  let value = 0xffffffffffffffffn
  for (const byte of body) {
    value ^= BigInt(byte)
    for (let bit = 0; bit < 8; bit += 1) {
      value = value & 1n ? (value >> 1n) ^ 0x9a6c9329ac4bc9b5n : value >> 1n
    }
  }
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(value ^ 0xffffffffffffffffn)
  return bytes.toString('base64')
}
