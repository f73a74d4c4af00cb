import { GatewayError } from '../errors.ts'
import { invalidMember } from './invalid.ts'

/** A content type as far as signing and policy need it. */
export interface ContentType {
  /** `type/subtype` in lower case, without parameters: what lists are compared with. */
  readonly essence: string
  /** Exactly as the caller wrote it: what is signed and must be sent. */
  readonly text: string
}

// RFC 6838 section 4.2 for the two names; of all parameters only a charset, as a token (RFC 2978).
const NAME = '[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}'
const CONTENT_TYPE = new RegExp(
  `^(${NAME}/${NAME})(?:; ?charset=[A-Za-z0-9][A-Za-z0-9._:+-]{0,39})?$`,
  'i',
)
const ESSENCE = new RegExp(`^${NAME}/${NAME}$`)

// What a browser runs, or guesses to be HTML, when it opens the object (WHATWG MIME Sniffing,
// sections 4.6 and 7; JavaScript MIME type). All of XML counts, because of its style sheets.
const ACTIVE = new Set([
  'text/html',
  'text/xml',
  'application/xml',
  'text/xsl',
  'text/ecmascript',
  'text/javascript',
  'text/jscript',
  'text/livescript',
  'text/x-ecmascript',
  'text/x-javascript',
  'application/ecmascript',
  'application/javascript',
  'application/x-ecmascript',
  'application/x-javascript',
  'application/x-shockwave-flash',
  'application/unknown',
  'unknown/unknown',
])
const ACTIVE_FORM = /^(?:[^/]+\/.+\+xml|text\/javascript1\.[0-9]|multipart\/.+|message\/.+)$/

/**
 * Reads a content type and holds it against a bucket's list of essences; an empty list takes any
 * type but the active ones. Refused, never repaired: `InvalidRequest` on `contentType` for what is
 * malformed or has a parameter besides `charset`, `UnsupportedMediaType` for what is not allowed.
 */
export function acceptContentType(text: string, allowed: ReadonlySet<string>): ContentType {
  const essence = essenceOf(text)
  if (allowed.size > 0 ? !allowed.has(essence) : isActiveType(essence)) {
    throw new GatewayError(
      'UnsupportedMediaType',
      `Cannot upload "${essence}": the bucket does not take this type`,
    )
  }
  return { essence, text }
}

/** The essence of a content type, in lower case. Throws `InvalidRequest` for what is malformed. */
export function essenceOf(text: string): string {
  const essence = CONTENT_TYPE.exec(text)?.[1]?.toLowerCase()
  if (essence !== undefined) return essence
  throw invalidMember('contentType', 'must be "type/subtype", with at most a charset behind it')
}

/** True for an essence whose objects can run script in the reader's browser. Lower case only. */
export function isActiveType(essence: string): boolean {
  return ACTIVE.has(essence) || ACTIVE_FORM.test(essence)
}

/** True for `type/subtype` in lower case: an entry of a bucket's list. */
export function isEssence(text: string): boolean {
  return ESSENCE.test(text) && text === text.toLowerCase()
}
