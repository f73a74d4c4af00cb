import { GatewayError } from '../errors.ts'
import { encodeSegment } from '../object-key.ts'

/** The operation's own names of a query, as they stand around those of the signature. */
export interface QueryNames {
  /** Sorted by encoded name: what comes before `X-Amz-`, and what comes behind. */
  readonly before: readonly QueryName[]
  readonly after: readonly QueryName[]
}

interface QueryName {
  readonly name: string
  /** Encoded, with `=`. */
  readonly label: string
}

/** What only the signature itself puts into a query. */
const OWN_NAMES = 'X-Amz-'

/** Operations have a handful; more than that start anew. */
const KEPT_SHAPES = 64

/** By the names as they come, which are no secrets. */
const shapes = new Map<string, QueryNames>()

/**
 * Sorts the names of an operation's query, once for all requests that have the same. Throws
 * `InternalError` for a name that is the signature's own.
 */
export function queryNamesOf(query: ReadonlyMap<string, string>): QueryNames {
  let key = ''
  for (const name of query.keys()) key += `&${encodeSegment(name)}`
  const known = shapes.get(key)
  if (known !== undefined) return known
  const sorted = Array.from(query.keys(), (name) => ({ name, label: `${encodeSegment(name)}=` }))
  sorted.sort((a, b) => (a.label < b.label ? -1 : 1))
  if (sorted.some(({ label }) => label.startsWith(OWN_NAMES))) {
    throw new GatewayError('InternalError', "Cannot sign: the query has a signature's own name")
  }
  const made = {
    before: sorted.filter(({ label }) => label < OWN_NAMES),
    after: sorted.filter(({ label }) => label > OWN_NAMES),
  }
  if (shapes.size >= KEPT_SHAPES) shapes.clear()
  shapes.set(key, made)
  return made
}
