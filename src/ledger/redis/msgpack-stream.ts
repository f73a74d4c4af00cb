const encoder = new TextEncoder()
const BYTE = 0x100
const WORD = 0x10000
const DOUBLE_WORD = 0x1_0000_0000
const NUMBER_BYTES = 9
const HEAD_BYTES = 3
const MAX_BYTES_PER_UNIT = 3
/** Texts up to this are written here as long as they are ASCII: handing them over costs more. */
const SHORT = 32
const CHUNK_BYTES = 65_536

// Answers lie behind each other in one chunk until it is full: memory of its own for each of them
// costs several times what it takes to fill it.
let chunk = new Uint8Array(CHUNK_BYTES)
let view = new DataView(chunk.buffer)
let at = 0

/**
 * Packs whole numbers from -32 to 2^53 - 1 and texts below 64 KiB one behind the other, without an
 * array around them, as scripts unpack them (msgpack specification, int and str formats).
 */
export function packStream(values: readonly (number | string)[]): Uint8Array {
  makeRoom(values)
  const start = at
  for (const value of values) {
    if (typeof value === 'number') putNumber(value)
    else putText(value)
  }
  return chunk.subarray(start, at)
}

function makeRoom(values: readonly (number | string)[]): void {
  let bytes = NUMBER_BYTES * values.length
  for (const value of values) {
    if (typeof value === 'string') bytes += HEAD_BYTES + value.length * MAX_BYTES_PER_UNIT
  }
  if (at + bytes <= chunk.length) return
  chunk = new Uint8Array(Math.max(CHUNK_BYTES, bytes))
  view = new DataView(chunk.buffer)
  at = 0
}

function putNumber(value: number): void {
  if (value < 0x80) {
    chunk[at] = value
    at += 1
  } else if (value < BYTE) {
    chunk[at] = 0xcc
    chunk[at + 1] = value
    at += 2
  } else if (value < WORD) {
    chunk[at] = 0xcd
    view.setUint16(at + 1, value)
    at += 3
  } else if (value < DOUBLE_WORD) {
    chunk[at] = 0xce
    view.setUint32(at + 1, value)
    at += 5
  } else {
    chunk[at] = 0xcf
    view.setUint32(at + 1, Math.floor(value / DOUBLE_WORD))
    view.setUint32(at + 5, value % DOUBLE_WORD)
    at += NUMBER_BYTES
  }
}

function putText(text: string): void {
  if (text.length < SHORT && putAscii(text)) return
  // The head is as long as the bytes want it, which are counted by writing them behind the longest.
  const { written } = encoder.encodeInto(text, chunk.subarray(at + HEAD_BYTES))
  const head = written < 0x20 ? 1 : written < BYTE ? 2 : HEAD_BYTES
  if (head < HEAD_BYTES) chunk.copyWithin(at + head, at + HEAD_BYTES, at + HEAD_BYTES + written)
  if (head === 1) chunk[at] = 0xa0 | written
  else if (head === 2) view.setUint16(at, 0xd900 | written)
  else {
    chunk[at] = 0xda
    view.setUint16(at + 1, written)
  }
  at += head + written
}

function putAscii(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index)
    if (unit >= 0x80) return false
    chunk[at + 1 + index] = unit
  }
  chunk[at] = 0xa0 | text.length
  at += 1 + text.length
  return true
}
