const REDACTED = '[secret]'

/**
 * A value that cannot be printed: strings, JSON and inspection all show `[secret]`. `reveal()` at
 * the point of use is the only way to it.
 */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  reveal(): string {
    return this.#value
  }

  toString(): string {
    return REDACTED
  }

  toJSON(): string {
    return REDACTED
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return REDACTED
  }
}

/** A signed URL: a bearer capability, so it redacts itself like any secret. */
export class SignedUrl extends Secret {}
