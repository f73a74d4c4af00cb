import { GatewayError } from './errors.ts'

/** S3 User Guide, object key names: at most 1,024 bytes of UTF-8. */
export const MAX_KEY_BYTES = 1024

const encoder = new TextEncoder()

/**
 * The name of an object, accepted once: UTF-8 of 1 to 1,024 bytes, well-formed, no C0 control or DEL,
 * no leading `/`, no `.` or `..` segment, no `\`. Refused, never repaired: policy, signer, ledger and
 * audit all see this one value.
 */
export class ObjectKey {
  /** The key as it will be named in the store, character for character. */
  readonly text: string

  private constructor(text: string) {
    this.text = text
  }

  /** Throws `InvalidKey`, saying which rule is broken. */
  static parse(text: string): ObjectKey {
    const problem = problemOf(text)
    if (problem !== undefined)
      throw new GatewayError('InvalidKey', `Cannot use the key: ${problem}`)
    return new ObjectKey(text)
  }

  /**
   * Path form: each segment percent-encoded once, RFC 3986 unreserved characters bare, `/` kept.
   * No leading slash.
   */
  get encoded(): string {
    return this.text.split('/').map(encodeSegment).join('/')
  }

  toString(): string {
    return this.text
  }
}

/** What needs no encoding, as most names do not: looking costs less than encoding. */
const UNRESERVED = /^[A-Za-z0-9\-._~]*$/

/** Percent-encodes everything but RFC 3986 unreserved characters, upper-case hex of UTF-8. */
export function encodeSegment(text: string): string {
  if (UNRESERVED.test(text)) return text
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function problemOf(text: string): string | undefined {
  if (text.length === 0) return 'it is empty'
  if (!text.isWellFormed()) return 'it holds a lone surrogate'
  // A character is at most 3 bytes per UTF-16 unit, so short keys need no encoding to be measured.
  if (text.length * 3 > MAX_KEY_BYTES && encoder.encode(text).length > MAX_KEY_BYTES) {
    return `it is longer than ${MAX_KEY_BYTES} bytes`
  }
  if (hasControl(text)) return 'it holds a control character'
  if (text.startsWith('/')) return 'it starts with "/"'
  if (text.includes('\\')) return 'it holds a backslash'
  // Every WHATWG client rewrites such segments, and so signs another object.
  if (/(?:^|\/)\.{1,2}(?:\/|$)/.test(text)) return 'it holds a "." or ".." segment'
  return undefined
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what is looked for
const CONTROL = /[\u0000-\u001f\u007f]/

/** True when the text holds a C0 control or DEL. */
export function hasControl(text: string): boolean {
  return CONTROL.test(text)
}
