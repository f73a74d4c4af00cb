import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'

/**
 * Puts before s3rver what it lacks: s3rver 5 serves requests without any signature, and obeys
 * `x-amz-*` headers that nobody signed (a copy of any object, a public ACL).
 * Answers 403 `AccessDenied` to both, to a path that would leave the bucket's folder, and to a
 * target that two parsers could read in two ways. CORS preflights pass, they are never signed.
 * Only Signature Version 4 counts; whether a signature is right, s3rver decides. A browser form
 * carries its signature in the body, where nobody checks it, so forms are refused.
 */
export function guardS3rver(handler: RequestListener): RequestListener {
  return function guardedS3rver(request, response) {
    const reason = request.method === 'OPTIONS' ? undefined : reasonToRefuse(request)
    if (reason === undefined) handler(request, response)
    else refuse(response, reason)
  }
}

// Visible ASCII from the first slash on, and no fragment: what s3rver's parser takes as it stands.
const PLAIN_TARGET = /^\/[!"$-~]*$/

function reasonToRefuse(request: IncomingMessage): string | undefined {
  const target = request.url ?? ''
  if (!PLAIN_TARGET.test(target)) return 'The request target is not plain.'
  const { path, query } = splitTarget(target)
  if (hasDotSegment(path)) return 'The path has a segment of dots.'
  const signed = signedHeaders(request.headers.authorization, new URLSearchParams(query))
  if (signed === undefined) return 'The request is not signed.'
  const foreign = Object.keys(request.headers).find(
    (name) => name.startsWith('x-amz-') && !signed.has(name),
  )
  return foreign === undefined ? undefined : `The header ${foreign} is not signed.`
}

function splitTarget(target: string): { path: string; query: string } {
  const mark = target.indexOf('?')
  if (mark < 0) return { path: target, query: '' }
  return { path: target.slice(0, mark), query: target.slice(mark + 1) }
}

// s3rver joins the decoded key to its folder, so a slash may come encoded as well.
function hasDotSegment(path: string): boolean {
  const plain = path.replaceAll(/%2e/gi, '.').replaceAll(/%2f|%5c|\\/gi, '/')
  return plain.split('/').some((segment) => segment === '.' || segment === '..')
}

/** The names a V4 signature covers, or undefined for a request that has none. */
function signedHeaders(
  authorization: string | undefined,
  query: URLSearchParams,
): ReadonlySet<string> | undefined {
  if (authorization !== undefined) {
    const names = /^AWS4-HMAC-SHA256 .*\bSignedHeaders=([^,\s]+)/.exec(authorization)?.[1]
    return names === undefined ? undefined : new Set(names.split(';'))
  }
  // s3rver looks for these names in this case only, and takes a request without them as unsigned.
  const names = query.get('X-Amz-SignedHeaders')
  if (query.get('X-Amz-Algorithm') !== 'AWS4-HMAC-SHA256' || names === null) return undefined
  return new Set(names.split(';'))
}

function refuse(response: ServerResponse, reason: string): void {
  const body = `<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>AccessDenied</Code><Message>${reason}</Message></Error>`
  response.writeHead(403, { 'content-type': 'application/xml' }).end(body)
}
