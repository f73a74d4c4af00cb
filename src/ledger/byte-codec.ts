const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const MAX_SAFE_DIGITS = 8
const MAX_INT32 = 2 ** 31 - 1
/** Enough for nearly every ticket; more is taken as it is needed. */
const FIRST_CAPACITY_BYTES = 512

/** Writes whole numbers as base-128 varints (least first) and texts with their length before them. */
export class ByteWriter {
  #bytes = new Uint8Array(FIRST_CAPACITY_BYTES)
  #length = 0

  /** 0 to 2^53 − 1. Throws `RangeError` for anything else. */
  number(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError('Cannot write the number')
    this.#reserve(MAX_SAFE_DIGITS)
    const bytes = this.#bytes
    let at = this.#length
    let rest = value
    for (; rest > MAX_INT32; at += 1) {
      bytes[at] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    // What is left takes whole numbers of 32 bits, which are several times as fast.
    for (; rest >= 0x80; at += 1) {
      bytes[at] = (rest & 0x7f) | 0x80
      rest >>= 7
    }
    bytes[at] = rest
    this.#length = at + 1
  }

  numbers(values: readonly number[]): void {
    this.number(values.length)
    for (const value of values) this.number(value)
  }

  /** The text's length in bytes. */
  text(value: string): number {
    if (this.#ascii(value)) return value.length
    const bytes = encoder.encode(value)
    this.number(bytes.length)
    this.raw(bytes)
    return bytes.length
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /** All that was written, as a copy. */
  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }

  /** All that was written, for those who look before the next write. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Begins anew, in the memory that was taken before. */
  clear(): this {
    this.#length = 0
    return this
  }

  /** A text of ASCII needs no encoder, and ids are nothing else. False, and nothing written, for others. */
  #ascii(value: string): boolean {
    const start = this.#length
    this.number(value.length)
    this.#reserve(value.length)
    for (let index = 0; index < value.length; index += 1) {
      const unit = value.charCodeAt(index)
      if (unit >= 0x80) {
        this.#length = start
        return false
      }
      this.#bytes[this.#length + index] = unit
    }
    this.#length += value.length
    return true
  }

  #reserve(more: number): void {
    const needed = this.#length + more
    if (needed <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(needed, 2 * this.#bytes.length))
    larger.set(this.#bytes)
    this.#bytes = larger
  }
}

/** Reads what a `ByteWriter` wrote. Does not throw: `failed` tells that something did not fit. */
export class ByteReader {
  readonly #bytes: Uint8Array
  #at = 0
  failed = false

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get done(): boolean {
    return this.#at === this.#bytes.length
  }

  number(): number {
    let value = 0
    let factor = 1
    for (let digit = 0; digit < MAX_SAFE_DIGITS; digit += 1) {
      const byte = this.#bytes[this.#at]
      if (byte === undefined) break
      this.#at += 1
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return Number.isSafeInteger(value) ? value : this.#fail()
      factor *= 0x80
    }
    return this.#fail()
  }

  numbers(maxCount: number): number[] {
    const count = this.number()
    if (count > maxCount) {
      this.failed = true
      return []
    }
    const values: number[] = []
    for (let index = 0; index < count; index += 1) values.push(this.number())
    return values
  }

  text(maxBytes: number): string {
    const length = this.number()
    if (length > maxBytes || this.#at + length > this.#bytes.length) {
      this.failed = true
      return ''
    }
    const bytes = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    try {
      return decoder.decode(bytes)
    } catch {
      this.failed = true
      return ''
    }
  }

  #fail(): number {
    this.failed = true
    return 0
  }
}
