import type { ObjectKey } from '../object-key.ts'
import type { Placement } from './store.ts'

/** An object at its place: the placement and the key without the placement's prefix. */
export interface ObjectPlace {
  readonly placement: Placement
  readonly key: ObjectKey
}

/** What HEAD says. `storeNowMs` is the store's own `Date`, absent when it sent none. */
export type HeadResult =
  | {
      readonly found: true
      readonly sizeBytes: number
      readonly contentType: string
      /** As the store sent it, quotes included. */
      readonly etag: string
      readonly versionId?: string
      readonly lastModified?: string
      /** `x-amz-meta-*` without the prefix, lower-case names. */
      readonly metadata: ReadonlyMap<string, string>
      readonly storeNowMs?: number
    }
  | { readonly found: false; readonly storeNowMs?: number }

export interface ListedObject {
  /** The key below the placement's prefix. */
  readonly key: string
  readonly sizeBytes: number
  readonly etag: string
  readonly lastModified: string
}

export interface ListPage {
  readonly objects: readonly ListedObject[]
  /** The store's continuation token, when there is more. */
  readonly next?: string
}

/**
 * The gateway's own calls to a store, signed in headers, one attempt each. Every method throws
 * `StoreUnavailable` when the store gives no usable answer: a timeout, a refused connection, a 5xx,
 * or a 403 to the gateway's own credential.
 */
export interface StoreClient {
  head(place: ObjectPlace, versionId?: string): Promise<HeadResult>
  /** Deletes the object; one that is not there is no error. */
  remove(place: ObjectPlace): Promise<void>
  /** One page of ListObjectsV2 below `prefix` (the caller's, without the placement's). */
  list(
    placement: Placement,
    request: { prefix: string; limit: number; after?: string },
  ): Promise<ListPage>
}
