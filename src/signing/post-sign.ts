import { GatewayError } from '../errors.ts'
import { encodeSegment } from '../object-key.ts'
import type { SignedUrl } from '../secret.ts'
import { toAmzDate } from '../stores/amz-date.ts'
import type { PresignRequest } from './presigner.ts'
import { credentialScope } from './scope.ts'
import { signedHeadersOf } from './signed-headers.ts'

/** Query names besides the signature's own that an operation may carry, sorted as they are sent. */
const OPERATION_QUERY: Readonly<Record<PresignRequest['method'], readonly string[]>> = {
  GET: ['response-content-disposition', 'response-content-type', 'versionId'],
  HEAD: ['versionId'],
  PUT: ['partNumber', 'uploadId'],
  DELETE: ['versionId'],
}

const SIGNATURE = '&X-Amz-Signature='
const SIGNATURE_LENGTH = 64

/**
 * The last look at a signed URL before anybody sees it: as raw text and through WHATWG `URL`, it must
 * say what was asked, no more and no less: origin, path, every query name once with its value, date,
 * expiry, scope, signed headers, byte for byte and in order. All but the signature is known
 * beforehand; whether that is right, the store tells. Throws `InternalError`, with the rule in `facts`
 * and never the URL.
 */
export function assertSigned(request: PresignRequest, url: SignedUrl): void {
  const text = url.reveal()
  assertRaw(request, text)
  assertParsed(request, text)
}

/**
 * The last look at the parts of one upload, whose requests differ in their number and in the values of
 * headers alone. The first is looked at as any URL is; the next must be the same text but for number
 * and signature, and digits change nothing of how a URL is split. Throws like `assertSigned`.
 */
export function createPartAssertion(): typeof assertSigned {
  let seen = { headers: '', head: '', tail: '' }
  return function assertPart(request, url) {
    const number = request.query.get('partNumber') ?? ''
    const { encoded } = signedHeadersOf(request.headers)
    const text = url.reveal()
    if (encoded !== seen.headers || !/^[0-9]+$/.test(number)) {
      assertSigned(request, url)
      const label = '&partNumber='
      const start = text.indexOf(label) + label.length
      const tail = text.slice(start + number.length, -SIGNATURE_LENGTH)
      seen = { headers: encoded, head: text.slice(0, start), tail }
      return
    }
    // Slices, because comparing them is five times as fast as `startsWith`.
    const { head, tail } = seen
    const numberEnd = head.length + number.length
    if (text.slice(0, head.length) !== head) throw unlike('part')
    if (text.slice(head.length, numberEnd) !== number) throw unlike('part number')
    if (text.slice(numberEnd, -SIGNATURE_LENGTH) !== tail) throw unlike('part query')
    assertSignature(text, numberEnd + tail.length)
  }
}

/** What a store reads that splits the bytes itself. */
function assertRaw(request: PresignRequest, text: string): void {
  const { origin, path } = request
  if (!/^https?:\/\/[a-z0-9._:[\]-]+$/.test(origin)) throw unlike('origin')
  if (!/^\/[A-Za-z0-9\-._~%/]*$/.test(path)) throw unlike('path')
  const start = `${origin}${path}?`
  const expected = `${start}${expectedQuery(request)}${SIGNATURE}`
  if (text.slice(0, start.length) !== start) throw unlike('origin or path')
  if (text.slice(0, expected.length) !== expected) throw unlike('query')
  assertSignature(text, expected.length)
}

/** That there is nothing from here on but a signature. */
function assertSignature(text: string, end: number): void {
  if (text.length !== end + SIGNATURE_LENGTH) throw unlike('signature')
  for (let index = end; index < text.length; index += 1) {
    const unit = text.charCodeAt(index)
    // 0 to 9, a to f
    if (unit < 0x30 || unit > 0x66 || (unit > 0x39 && unit < 0x61)) throw unlike('signature')
  }
}

/** Of nothing but RFC 3986 unreserved characters, `%`, `=` and `&`, whatever was asked for. */
function expectedQuery(request: PresignRequest): string {
  const { credential, query } = request
  const id = encodeSegment(`${credential.accessKeyId}/${credentialScope(request)}`)
  const date = toAmzDate(request.signedAtMs)
  const { encoded } = signedHeadersOf(request.headers)
  const token = credential.sessionToken
  let text = `X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${id}&X-Amz-Date=${date}&X-Amz-Expires=${request.expiresInSeconds}`
  if (token !== undefined) text += `&X-Amz-Security-Token=${encodeSegment(token.reveal())}`
  text += `&X-Amz-SignedHeaders=${encoded}`
  let names = 0
  for (const name of OPERATION_QUERY[request.method]) {
    const value = query.get(name)
    if (value === undefined) continue
    text += `&${name}=${encodeSegment(value)}`
    names += 1
  }
  if (names !== query.size) throw unlike('operation query')
  return text
}

/**
 * What a browser makes of it, which rewrites before it sends. A URL that comes out as it went in has
 * been split where its bytes say: at no other host, path or query, for there is no `@`, `\` or `#`.
 */
function assertParsed({ origin }: PresignRequest, text: string): void {
  const url = URL.parse(text)
  if (url === null) throw unlike('URL')
  if (url.href !== text) throw unlike('parsed URL')
  if (url.origin !== origin) throw unlike('parsed origin')
}

function unlike(rule: string): GatewayError {
  return new GatewayError('InternalError', 'Cannot hand out the grant: it is not what was asked', {
    facts: { rule },
  })
}
