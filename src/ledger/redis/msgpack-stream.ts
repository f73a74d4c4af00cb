const encoder = new TextEncoder()
const BYTE = 0x100
const WORD = 0x10000
const DOUBLE_WORD = 0x1_0000_0000
const MAX_BYTES_PER_UNIT = 3
const START_BYTES = 512

let scratch = new Uint8Array(START_BYTES)
let view = new DataView(scratch.buffer)
let at = 0

/**
 * Packs whole numbers from -32 to 2^53 - 1 and texts one behind the other, without an array around
 * them, as scripts unpack them (msgpack specification, int and str formats). The answer is a copy.
 */
export function packStream(values: readonly (number | string)[]): Uint8Array {
  at = 0
  for (const value of values) {
    if (typeof value === 'number') putNumber(value)
    else putText(value)
  }
  return scratch.slice(0, at)
}

function putNumber(value: number): void {
  makeRoom(9)
  if (value < 0x80) {
    view.setInt8(at, value)
    at += 1
  } else if (value < BYTE) {
    scratch[at] = 0xcc
    scratch[at + 1] = value
    at += 2
  } else if (value < WORD) {
    scratch[at] = 0xcd
    view.setUint16(at + 1, value)
    at += 3
  } else if (value < DOUBLE_WORD) {
    scratch[at] = 0xce
    view.setUint32(at + 1, value)
    at += 5
  } else {
    scratch[at] = 0xcf
    view.setUint32(at + 1, Math.floor(value / DOUBLE_WORD))
    view.setUint32(at + 5, value % DOUBLE_WORD)
    at += 9
  }
}

function putText(text: string): void {
  makeRoom(3 + text.length * MAX_BYTES_PER_UNIT)
  // The head is as long as the bytes want it, which are counted by writing them behind the longest.
  const { written } = encoder.encodeInto(text, scratch.subarray(at + 3))
  const head = written < 0x20 ? 1 : written < BYTE ? 2 : 3
  if (head < 3) scratch.copyWithin(at + head, at + 3, at + 3 + written)
  if (head === 1) scratch[at] = 0xa0 | written
  else if (head === 2) view.setUint16(at, 0xd900 | written)
  else {
    scratch[at] = 0xda
    view.setUint16(at + 1, written)
  }
  at += head + written
}

function makeRoom(bytes: number): void {
  if (at + bytes <= scratch.length) return
  const larger = new Uint8Array((at + bytes) * 2)
  larger.set(scratch.subarray(0, at))
  scratch = larger
  view = new DataView(larger.buffer)
}
