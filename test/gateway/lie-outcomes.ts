import type { Guarantees } from '../../src/stores/guarantees.ts'
import type { LyingStore, Told } from './lies-fixture.ts'

/** What callers ask for, one thing a request. Keys are Alice's. */
const UPLOADS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  auto: {},
  put: { mode: 'put' },
  once: { mode: 'put', bucket: 'once' },
  strict: { mode: 'put', bucket: 'strict' },
  sha256: { mode: 'put', sha256: 'LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=' },
  md5: { mode: 'put', md5: 'XUFAKrxLKna5cZ2REBfFkg==' },
  tags: { mode: 'put', tags: { project: 'x' } },
  encryption: { mode: 'put', encryption: 'AES256' },
  overwrite: { mode: 'put', overwrite: true },
  oddKey: { mode: 'put', key: 'acme/alice/a//b+e\u0301%2F' },
  post: { mode: 'post' },
  postHeaders: { mode: 'post', cacheControl: 'no-cache' },
  parts: { mode: 'multipart' },
  partsOnce: { mode: 'multipart', bucket: 'once' },
  partsTags: { mode: 'multipart', tags: { project: 'x' } },
}

/** All requests, in order. */
export const REQUESTS = [...Object.keys(UPLOADS), 'download'] as const

/** The body of a request. Keys are those of one round: an overwrite keeps others of its key out. */
export function bodyOf(name: string, round: number): Readonly<Record<string, unknown>> {
  const target = { bucket: 'media', key: `acme/alice/${round}/${name}` }
  if (name === 'download') return target
  return { ...target, sizeBytes: 5, contentType: 'text/plain', ...UPLOADS[name] }
}

/**
 * What becomes of requests, by default of all, in a word or two: `422 signedLength`, or `201` with the form and all
 * that is guaranteed; with the `x-amz-*` that can be added, and a condition on what is there.
 */
export async function outcomesOf(
  { gateway, store, round }: LyingStore,
  names: readonly string[] = REQUESTS,
): Promise<Told> {
  const body = Buffer.from('there')
  const kept = { headers: new Map([['content-type', 'text/plain']]), tags: '', acl: 'private' }
  const object = { body, etag: '"there"', ...kept, modifiedMs: gateway.clock.nowMs() }
  store.bucket.put(`acme/alice/${round}/overwrite`, object)
  const outcomes: Record<string, string> = {}
  for (const name of names) {
    const path = name === 'download' ? '/v1/downloads' : '/v1/uploads'
    const response = await gateway.call('POST', path, bodyOf(name, round))
    outcomes[name] = textOf(response.status, (await response.json()) as Answer)
  }
  return outcomes
}

interface Answer {
  readonly capability?: string
  readonly code?: string
  readonly guarantees?: Guarantees
  readonly form?: object
  readonly request?: {
    readonly method?: string
    readonly headers?: Readonly<Record<string, string>>
  }
}

function textOf(status: number, { capability, code, form, guarantees, request }: Answer): string {
  if (status >= 400) return `${status} ${capability ?? code}`
  if (guarantees === undefined) return String(status)
  const { size, contentType, writeOnce, checksum, unpinnedHeaders } = guarantees
  const addable = unpinnedHeaders.filter((name) => name.startsWith('x-amz-'))
  const conditions = Object.keys(request?.headers ?? {}).filter((name) => name === 'if-match')
  return [
    status,
    request?.method ?? (form === undefined ? 'parts' : 'POST'),
    size,
    ...(contentType ? ['typed'] : []),
    ...(writeOnce ? ['once'] : []),
    ...(checksum === 'none' ? [] : [checksum]),
    ...conditions,
    ...(addable.length > 0 ? [`+${addable.length}`] : []),
  ].join(' ')
}
