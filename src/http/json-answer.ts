import type { HttpContext } from './route.ts'

/** Headers of every answer, beside those of its own; `cache-control` unless it has another. */
export function frameHeaders(requestId: string) {
  return {
    'x-request-id': requestId,
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  }
}

/**
 * A JSON answer that has all its headers from the start, as one plain record: the Node server writes
 * that as it is, while `Headers` that are made, changed and read again cost more than a signature.
 * Names of `headers` are lower-case.
 */
export function jsonAnswer(
  http: HttpContext,
  value: unknown,
  { status = 200, headers }: { status?: number; headers?: Readonly<Record<string, string>> } = {},
): Response {
  const framed = new Response(JSON.stringify(value), {
    status,
    headers: {
      'content-type': 'application/json',
      ...frameHeaders(http.get('requestId')),
      ...headers,
    },
  })
  http.set('framed', framed)
  return framed
}
