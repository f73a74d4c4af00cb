import type { ReceivedRequest } from './sigv4-verifier.ts'

/** A grant as a client reads it. */
export interface GrantView {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

/** Names in the query of a grant, sorted, doubles included. */
export function queryNames({ url }: Pick<GrantView, 'url'>): string[] {
  const pairs = url.slice(url.indexOf('?') + 1).split('&')
  const names = pairs.map((pair) => decodeURIComponent(pair.split('=', 1)[0] ?? ''))
  return names.sort((a, b) => (a < b ? -1 : 1))
}

/** What a grant without any override has in its query. */
export const SIGNATURE_NAMES = [
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  'X-Amz-Date',
  'X-Amz-Expires',
  'X-Amz-Signature',
  'X-Amz-SignedHeaders',
]

/** Path of a grant as it goes on the wire. */
export function rawPath({ url }: Pick<GrantView, 'url'>): string {
  return url.replace(/^https?:\/\/[^/]+/, '').split('?', 1)[0] ?? ''
}

/** The request that a client makes of a grant, as a store receives it. */
export function received(grant: GrantView, sizeBytes?: number): ReceivedRequest {
  const [, host = '', target = ''] = /^https?:\/\/([^/]+)(\/.*)$/.exec(grant.url) ?? []
  return {
    method: grant.method,
    target,
    headers: {
      host,
      ...grant.headers,
      ...(sizeBytes !== undefined && { 'content-length': String(sizeBytes) }),
    },
  }
}
