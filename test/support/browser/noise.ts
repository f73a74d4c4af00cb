/** Bytes without any pattern, the same at every call, each from `least` on. Default 0. */
export function noise(sizeBytes: number, least = 0): Buffer {
  const bytes = Buffer.allocUnsafe(sizeBytes)
  const span = 256 - least
  let state = 0x2545_f491 // xorshift32 (Marsaglia, 2003)
  for (let index = 0; index < sizeBytes; index += 1) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[index] = least + ((state >>> 8) % span)
  }
  return bytes
}
