import { GatewayError } from '../errors.ts'
import { encodeSegment } from '../object-key.ts'

/** Most file systems: at most 255 bytes in a name. */
const MAX_FILENAME_BYTES = 255

const encoder = new TextEncoder()

/**
 * The value of `Content-Disposition` (RFC 6266). A name of plain ASCII stands alone, as
 * `filename="…"`; any other comes twice: an ASCII reading, and `filename*=UTF-8''…` (RFC 8187), which
 * browsers prefer. Throws `InvalidRequest` for what `parseFilename` refuses.
 *
 * Known limit: s3rver canonicalises queries with `encodeURIComponent` and so refuses (403) a signed
 * disposition with any of `! ' ( ) *`, hence every `filename*`. Other stores take them.
 */
export function contentDisposition(
  disposition: 'attachment' | 'inline',
  filename?: string,
): string {
  if (filename === undefined) return disposition
  const name = parseFilename(filename)
  const simple = `${disposition}; filename="${asciiReading(name)}"`
  return isPlain(name) ? simple : `${simple}; filename*=UTF-8''${encodeSegment(name)}`
}

/**
 * Accepts the name of one file: 1 to 255 bytes of UTF-8, no control character, no line or paragraph
 * separator, no `/` and `\`, no bidirectional control that would show another extension, not `.` or
 * `..`. Throws `InvalidRequest`, saying which rule is broken; nothing is repaired.
 */
export function parseFilename(text: string): string {
  const problem = problemOf(text)
  if (problem === undefined) return text
  throw new GatewayError('InvalidRequest', `Cannot use the filename: it ${problem}`, {
    fields: [{ path: 'filename', message: problem }],
  })
}

function problemOf(text: string): string | undefined {
  if (text === '') return 'is empty'
  if (text === '.' || text === '..') return 'names a folder'
  if (!text.isWellFormed()) return 'holds a lone surrogate'
  if (encoder.encode(text).length > MAX_FILENAME_BYTES) {
    return `is longer than ${MAX_FILENAME_BYTES} bytes`
  }
  if (/[\p{Cc}\u2028\u2029]/u.test(text)) return 'holds a control character'
  if (/[/\\]/.test(text)) return 'holds a slash or backslash'
  if (/\p{Bidi_Control}/u.test(text)) return 'holds a bidirectional control'
  return undefined
}

// RFC 6266 appendix D: in `filename`, quotes and "%" before two hex digits are read differently.
function isPlain(name: string): boolean {
  return /^[ !#-~]*$/.test(name) && !/%[0-9A-Fa-f]{2}/.test(name)
}

function asciiReading(name: string): string {
  if (isPlain(name)) return name
  return name.replace(/[^ -~]|%/gu, '_').replaceAll('"', '\\"')
}
