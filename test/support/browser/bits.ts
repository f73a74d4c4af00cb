/** Writes H.264's bit strings (ITU-T H.264, 7.2 and 9.1). */
export class Bits {
  #text = ''

  /** The last `length` bits of a number. */
  u(length: number, value: number): this {
    this.#text += value.toString(2).padStart(length, '0')
    return this
  }

  /** Exp-Golomb code of a number from 0 on. */
  ue(value: number): this {
    const code = (value + 1).toString(2)
    this.#text += code.padStart(2 * code.length - 1, '0')
    return this
  }

  /** All of it, with zeros up to the byte. */
  bytes(): Buffer {
    const octets = this.#text.match(/.{1,8}/g) ?? []
    return Buffer.from(octets.map((octet) => Number.parseInt(octet.padEnd(8, '0'), 2)))
  }
}
