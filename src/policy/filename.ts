import { hasControl } from '../object-key.ts'
import { invalidMember } from './invalid.ts'

/** Longest file name, in bytes of UTF-8: what common file systems take. */
export const MAX_FILENAME_BYTES = 255

const encoder = new TextEncoder()
// They make "exe.jpg" out of "gpj.exe" on a screen (Unicode Standard Annex 9, section 2).
const BIDI_CONTROL = /\p{Bidi_Control}/u
const C1_CONTROL = /[\u0080-\u009f]/

/**
 * A name for a file, taken as it is or refused: 1 to 255 bytes, well-formed, no controls (C0, DEL,
 * C1, bidirectional), no `/` or `\`. Throws `InvalidRequest` on `filename`.
 */
export function acceptFilename(text: string): string {
  const problem = problemOf(text)
  if (problem !== undefined) throw invalidMember('filename', problem)
  return text
}

function problemOf(text: string): string | undefined {
  if (text.length === 0) return 'must not be empty'
  if (!text.isWellFormed()) return 'must be well-formed Unicode'
  // A character is at most 3 bytes per UTF-16 unit, so short names need no encoding to be measured.
  if (
    text.length * 3 > MAX_FILENAME_BYTES &&
    (text.length > MAX_FILENAME_BYTES || encoder.encode(text).length > MAX_FILENAME_BYTES)
  ) {
    return `must be at most ${MAX_FILENAME_BYTES} bytes long`
  }
  if (/[/\\]/.test(text)) return 'must not hold "/" or "\\"'
  if (hasControl(text) || C1_CONTROL.test(text)) return 'must not hold control characters'
  if (BIDI_CONTROL.test(text)) return 'must not hold bidirectional controls'
  return undefined
}
