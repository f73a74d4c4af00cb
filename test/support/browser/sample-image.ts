import { crc32, deflateSync } from 'node:zlib'
import { noise } from './noise.ts'

const WIDTH = 320
const BYTES_PER_PIXEL = 3
const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
// Signature, IHDR, IEND, and the frames around IDAT and the filling chunk.
const FRAME_BYTES = 8 + 25 + 12 + 12 + 12

/**
 * A PNG of exactly `sizeBytes` (2 KiB or more), the same at every call: noise, 320 pixels wide, and a
 * private chunk that decoders skip (PNG, third edition, 5.4) to fill up.
 */
export function sampleImage(sizeBytes: number): { bytes: Buffer; width: number; height: number } {
  const rowBytes = 1 + WIDTH * BYTES_PER_PIXEL
  // Stored, not compressed: zlib adds 6 bytes, and 5 for each block of at most 65,535.
  const roomBytes = sizeBytes - FRAME_BYTES - 64
  const height = Math.floor(roomBytes / rowBytes)
  const rows = noise(height * rowBytes)
  for (let row = 0; row < height; row += 1) rows[row * rowBytes] = 0 // filter type: none
  const data = deflateSync(rows, { level: 0 })
  const header = Buffer.alloc(13)
  header.writeUInt32BE(WIDTH, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 2, 0, 0, 0], 8) // 8 bits, RGB
  const filling = Buffer.alloc(sizeBytes - FRAME_BYTES - data.length, 'signet')
  const bytes = Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('fiLl', filling),
    chunk('IDAT', data),
    chunk('IEND', Buffer.alloc(0)),
  ])
  return { bytes, width: WIDTH, height }
}

function chunk(type: string, data: Uint8Array): Buffer {
  const named = Buffer.concat([Buffer.from(type), data])
  const length = Buffer.alloc(4)
  length.writeUInt32BE(data.length)
  const check = Buffer.alloc(4)
  check.writeUInt32BE(crc32(named))
  return Buffer.concat([length, named, check])
}
