/**
 * Random numbers that a seed repeats exactly (sfc32, a public-domain generator by Chris Doty-Humphrey).
 * Each concern of a simulation draws from a stream of its own, so that one more draw of the network
 * does not change what the clients do.
 */
export class SeededRandom {
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(seed: number, stream = '') {
    this.#a = seed | 0
    this.#b = hashOf(stream)
    this.#c = Math.floor(seed / 2 ** 32) | 0
    for (let turn = 0; turn < 12; turn += 1) this.#next()
  }

  /** 0 up to, and without, 1. */
  fraction(): number {
    return (this.#next() >>> 0) / 2 ** 32
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.fraction() * (high - low + 1))
  }

  /** True in `share` of all cases; nothing is drawn for 0. */
  chance(share: number): boolean {
    return share > 0 && this.fraction() < share
  }

  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.fraction() * list.length)] as T
  }

  /** Waits as they come in life: mostly short, a few long, `mean` on average. */
  wait(mean: number): number {
    return -Math.log(1 - this.fraction()) * mean
  }

  /** Bytes for ids. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length)
    for (let at = 0; at < length; at += 1) bytes[at] = this.#next() & 0xff
    return bytes
  }

  #next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum
    return sum
  }
}

/** FNV-1a. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (const character of text) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193)
  return hash | 0
}
