import { GatewayError } from '../errors.ts'
import type { Precondition } from '../gateway/precondition.ts'

/** What `If-Match` of a change means, for the OpenAPI document. */
export const IF_MATCH = 'Only over this version: the `ETag` that a GET has shown, or `*` for any'
/** What `If-None-Match` of a change means, likewise. */
export const IF_NONE_MATCH = '`*`: only if there is none yet'
/** What `ETag` of an answer means, likewise. */
export const ETAG = 'Its version, for `If-Match`'

/** UTF-16 units of one header field. Room for 32 tags of ours. */
const MAX_FIELD_LENGTH = 1_024
/** RFC 9110 section 8.8.3, with what stands between the elements of a list. */
const ELEMENT = /\s*(W\/)?"([!#-~\x80-\xff]*)"\s*(?:,[\s,]*|$)/y

/** The strong entity tag of a version of a document, 1 and up. */
export function entityTag(version: number): string {
  return `"v${version}"`
}

/**
 * `If-Match` and `If-None-Match` of a change. Tags that are not ours match nothing, nor do weak ones
 * in `If-Match` (RFC 9110 section 13.1.1). Throws `InvalidRequest` for fields that are no such lists.
 */
export function readPrecondition(headers: Headers): Precondition {
  const ifMatch = readTags(headers, 'if-match')
  const ifNoneMatch = readTags(headers, 'if-none-match')
  return {
    ...(ifMatch !== undefined && { ifMatch: versionsOf(ifMatch, { weakly: false }) }),
    ...(ifNoneMatch !== undefined && { ifNoneMatch: versionsOf(ifNoneMatch, { weakly: true }) }),
  }
}

/**
 * An answer with a version, for `If-Match`. It is always sent: a view shows more than the document that the
 * version is of, like whether a key has ended or how many users a tenant has.
 */
export function versionedAnswer(
  value: unknown,
  { version }: { readonly version: number | undefined },
): Response {
  if (version === undefined) return Response.json(value)
  return Response.json(value, { headers: { etag: entityTag(version) } })
}

/** The answer to a PUT or PATCH: what there is now, 201 when it was not there before. */
export function changedAnswer(
  { version, created }: { readonly version: number; readonly created: boolean },
  value: unknown,
): Response {
  const headers = { etag: entityTag(version) }
  return Response.json(value, { status: created ? 201 : 200, headers })
}

interface Tag {
  readonly weak: boolean
  readonly text: string
}

function versionsOf(
  tags: '*' | readonly Tag[],
  { weakly }: { readonly weakly: boolean },
): '*' | readonly number[] {
  if (tags === '*') return '*'
  return tags.map(({ weak, text }) => {
    const version = /^v([1-9]\d{0,14})$/.exec(text)?.[1]
    return version === undefined || (weak && !weakly) ? Number.NaN : Number(version)
  })
}

function readTags(
  headers: Headers,
  name: 'if-match' | 'if-none-match',
): '*' | readonly Tag[] | undefined {
  const field = headers.get(name)
  if (field === null) return undefined
  if (field.trim() === '*') return '*'
  const tags: Tag[] = []
  if (field.length <= MAX_FIELD_LENGTH) {
    ELEMENT.lastIndex = 0
    for (let found = ELEMENT.exec(field); found !== null; found = ELEMENT.exec(field)) {
      tags.push({ weak: found[1] !== undefined, text: found[2] ?? '' })
      if (ELEMENT.lastIndex === field.length) return tags
    }
  }
  throw new GatewayError('InvalidRequest', `Cannot read "${name}": it lists no entity tags`, {
    fields: [{ path: name, message: 'must be * or entity tags in double quotes' }],
  })
}
