const REDACTED = '[secret]'

/**
 * The fields of a signed form in sending order: a bearer capability, so they cannot be printed.
 * `reveal()` at the point of use is the only way to them.
 */
export class SignedFields {
  readonly #fields: Readonly<Record<string, string>>

  constructor(fields: Iterable<readonly [name: string, value: string]>) {
    this.#fields = Object.fromEntries(fields)
  }

  /** A copy: nobody changes what was signed. */
  reveal(): Record<string, string> {
    return { ...this.#fields }
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
