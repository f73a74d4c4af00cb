const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const MAX_SAFE_DIGITS = 8

/** Writes whole numbers as base-128 varints (least first) and texts with their length before them. */
export class ByteWriter {
  readonly #bytes: number[] = []

  /** 0 to 2^53 − 1. Throws `RangeError` for anything else. */
  number(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError('Cannot write the number')
    let rest = value
    while (rest >= 0x80) {
      this.#bytes.push((rest % 0x80) | 0x80)
      rest = Math.floor(rest / 0x80)
    }
    this.#bytes.push(rest)
  }

  numbers(values: readonly number[]): void {
    this.number(values.length)
    for (const value of values) this.number(value)
  }

  text(value: string): void {
    const bytes = encoder.encode(value)
    this.number(bytes.length)
    this.raw(bytes)
  }

  raw(bytes: Uint8Array): void {
    for (const byte of bytes) this.#bytes.push(byte)
  }

  bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes)
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
    return Array.from({ length: count }, () => this.number())
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
