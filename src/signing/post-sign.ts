import { GatewayError } from '../errors.ts'
import { encodeSegment } from '../object-key.ts'
import type { SignedUrl } from '../secret.ts'
import { toAmzDate } from '../stores/amz-date.ts'
import type { PresignRequest } from './presigner.ts'
import { credentialScope, signedHeaderNames } from './scope.ts'

/** Query names besides the signature's own that an operation may carry. */
const OPERATION_QUERY: Readonly<Record<PresignRequest['method'], ReadonlySet<string>>> = {
  GET: new Set(['response-content-disposition', 'response-content-type', 'versionId']),
  HEAD: new Set(['versionId']),
  PUT: new Set(['partNumber', 'uploadId']),
  DELETE: new Set(['versionId']),
}

const SIGNATURE = 'X-Amz-Signature'

/**
 * The last look at a signed URL before anybody sees it: read as raw text and through WHATWG `URL`, it
 * must say what was asked, no more and no less: origin, path byte for byte, every query name once
 * with its value, date, expiry, scope, signed headers. Whether the signature is right, the store
 * tells. Throws `InternalError`, with the rule in `facts` and never the URL.
 */
export function assertSigned(request: PresignRequest, url: SignedUrl): void {
  const text = url.reveal()
  const expected = expectedQuery(request)
  assertRaw(request, expected, text)
  assertParsed(request, expected, text)
}

function expectedQuery(request: PresignRequest): ReadonlyMap<string, string> {
  const allowed = OPERATION_QUERY[request.method]
  for (const name of request.query.keys()) if (!allowed.has(name)) throw unlike('operation query')
  const expected = new Map(request.query)
  expected.set('X-Amz-Algorithm', 'AWS4-HMAC-SHA256')
  expected.set('X-Amz-Credential', `${request.credential.accessKeyId}/${credentialScope(request)}`)
  expected.set('X-Amz-Date', toAmzDate(request.signedAtMs))
  expected.set('X-Amz-Expires', String(request.expiresInSeconds))
  expected.set('X-Amz-SignedHeaders', signedHeaderNames(request))
  const { sessionToken } = request.credential
  if (sessionToken !== undefined) expected.set('X-Amz-Security-Token', sessionToken.reveal())
  return expected
}

/** What a store reads that splits the bytes itself. */
function assertRaw(
  request: PresignRequest,
  expected: ReadonlyMap<string, string>,
  text: string,
): void {
  const start = `${request.origin}${request.path}?`
  if (!/^https?:\/\/[a-z0-9._:[\]-]+$/.test(request.origin)) throw unlike('origin')
  if (!/^\/[A-Za-z0-9\-._~%/]*$/.test(request.path)) throw unlike('path')
  if (!text.startsWith(start)) throw unlike('origin or path')
  const search = text.slice(start.length)
  if (!/^[A-Za-z0-9\-._~%=&]+$/.test(search)) throw unlike('query characters')
  const seen = new Map<string, string>()
  for (const pair of search.split('&')) {
    const [name = '', value, more] = pair.split('=')
    if (value === undefined || more !== undefined) throw unlike('query pair')
    if (seen.has(name)) throw unlike('query name twice')
    seen.set(name, value)
  }
  const signature = seen.get(SIGNATURE) ?? ''
  if (!/^[0-9a-f]{64}$/.test(signature)) throw unlike('signature')
  if (seen.size !== expected.size + 1) throw unlike('query names')
  for (const [name, value] of expected) {
    if (seen.get(encodeSegment(name)) !== encodeSegment(value)) throw unlike('query value')
  }
}

/** What a browser makes of it, which rewrites before it sends. */
function assertParsed(
  request: PresignRequest,
  expected: ReadonlyMap<string, string>,
  text: string,
): void {
  const url = URL.parse(text)
  if (url === null) throw unlike('URL')
  if (url.origin !== request.origin || url.username !== '' || url.password !== '') {
    throw unlike('parsed origin')
  }
  if (url.pathname !== request.path) throw unlike('parsed path')
  const pairs = [...url.searchParams]
  if (pairs.length !== expected.size + 1) throw unlike('parsed query names')
  for (const [name, value] of pairs) {
    if (name !== SIGNATURE && expected.get(name) !== value) throw unlike('parsed query')
  }
}

function unlike(rule: string): GatewayError {
  return new GatewayError('InternalError', 'Cannot hand out the grant: it is not what was asked', {
    facts: { rule },
  })
}
