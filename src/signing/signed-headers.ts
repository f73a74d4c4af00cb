import { encodeSegment } from '../object-key.ts'

/** The names that a signature covers, in every form that they are needed in. */
export interface SignedHeaders {
  /** `host` and all others, sorted. */
  readonly names: readonly string[]
  /** Joined by `;`. */
  readonly text: string
  /** The same as a value of the query. */
  readonly encoded: string
}

/** Uploads differ in their metadata, but not endlessly; more than that start anew. */
const KEPT_SHAPES = 256

/** By the names as they come, which are no secrets. */
const shapes = new Map<string, SignedHeaders>()

/** The last one again, in most cases: that is seen without making a text of the names. */
let last: { readonly order: readonly string[]; readonly signed: SignedHeaders } | undefined

/**
 * `X-Amz-SignedHeaders` of a request: `host` and all of its headers, which have lower-case names. What
 * most requests share is sorted once.
 */
export function signedHeadersOf(headers: ReadonlyMap<string, string>): SignedHeaders {
  if (last !== undefined && isOrder(last.order, headers)) return last.signed
  const order = [...headers.keys()]
  const key = order.join(';')
  const signed = shapes.get(key) ?? sortedNames(order)
  if (shapes.size >= KEPT_SHAPES) shapes.clear()
  shapes.set(key, signed)
  last = { order, signed }
  return signed
}

function isOrder(order: readonly string[], headers: ReadonlyMap<string, string>): boolean {
  if (order.length !== headers.size) return false
  let index = 0
  for (const name of headers.keys()) {
    if (name !== order[index]) return false
    index += 1
  }
  return true
}

function sortedNames(order: readonly string[]): SignedHeaders {
  const names = ['host', ...order].sort((a, b) => (a < b ? -1 : 1))
  const text = names.join(';')
  return { names, text, encoded: encodeSegment(text) }
}
