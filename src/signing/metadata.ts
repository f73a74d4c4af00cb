import { GatewayError } from '../errors.ts'
import { encodeSegment, hasControl } from '../object-key.ts'

/** Metadata name that is Signet's own: the sealed ticket. */
const RESERVED = 'signet'

/**
 * A metadata value as a header carries it: printable ASCII stays as it is, anything else makes the
 * whole value percent-encoded UTF-8, as do spaces that a signature would trim or collapse. Applying
 * it twice changes nothing. Throws `InvalidRequest` for control characters and lone surrogates.
 */
export function encodeMetadataValue(text: string): string {
  if (hasControl(text) || !text.isWellFormed()) {
    throw invalidMetadata('a value holds a control character or a lone surrogate')
  }
  const plain = /^[ -~]*$/.test(text) && !/^ | $| {2}/.test(text)
  return plain ? text : encodeSegment(text)
}

/** The lower-case name; throws `InvalidRequest` unless it can end a header name and is not Signet's. */
export function assertMetadataName(name: string): string {
  // A part of RFC 9110 section 5.6.2, token, that every client and proxy takes.
  if (!/^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/.test(name)) {
    throw invalidMetadata('a name is not made of letters, digits, ".", "_" and "-"')
  }
  const lower = name.toLowerCase()
  if (lower === RESERVED) throw invalidMetadata(`the name "${RESERVED}" is taken`)
  return lower
}

/** The refusal of metadata; `why` names the broken rule. */
export function invalidMetadata(why: string): GatewayError {
  return new GatewayError('InvalidRequest', `Cannot sign the metadata: ${why}`, {
    fields: [{ path: 'metadata', message: why }],
  })
}
