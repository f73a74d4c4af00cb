import type { ObjectKey } from '../object-key.ts'
import type { AccessRules } from './acl-answer.ts'
import type { CorsRule } from './cors-rules.ts'
import type { Placement } from './store.ts'

/** An object at its place: the placement and the key without the placement's prefix. */
export interface ObjectPlace {
  readonly placement: Placement
  readonly key: ObjectKey
  /** Nobody waits for calls about it: they leave room for those that somebody waits for. */
  readonly background?: true
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
      /** Absent for the store's usual one. */
      readonly storageClass?: string
      /** How many tags it has; absent where the store does not tell. */
      readonly tagCount?: number
      /** Where a website on the bucket would redirect to. */
      readonly redirect?: string
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

/** A part that the store has, as ListParts names it. */
export interface ListedPart {
  /** 1 to 10,000. */
  readonly partNumber: number
  /** 0 to 5 GiB. */
  readonly sizeBytes: number
  /** As the store sent it, with or without quotes: `completeMultipart` wants it unchanged. */
  readonly etag: string
  /** Base64, where the store keeps one. */
  readonly sha256?: string
}

/** A multipart upload that was neither completed nor aborted. */
export interface PendingMultipart {
  readonly uploadId: string
  readonly initiatedMs: number
}

/** A part to complete an upload with, as ListParts named it. */
export interface PartToComplete {
  readonly partNumber: number
  readonly etag: string
  /** Base64; sent only where it is given, for not every store knows it. */
  readonly sha256?: string
}

/**
 * What became of a CompleteMultipartUpload. `conflict`: the condition refused it, an object is there.
 * `busy`: the key was being written at the same time, and nobody knows with what outcome. `gone`: there is no such upload, so it was completed or aborted before; HEAD
 * tells which. `invalid`: the parts do not fit what the store has, or one of them is too small.
 */
export type CompleteOutcome = 'completed' | 'conflict' | 'busy' | 'gone' | 'invalid'

/**
 * The gateway's own calls to a store, signed in headers, one attempt each. Every method throws
 * `StoreUnavailable` when the store gives no usable answer: a timeout, a refused connection, a 5xx,
 * or a 403 to the gateway's own credential; and `Overloaded` when too many calls wait for it.
 */
export interface StoreClient {
  head(place: ObjectPlace, versionId?: string): Promise<HeadResult>
  /** Who the object is open to; `unknown` where the store does not say, or not to this credential. */
  acl(place: ObjectPlace): Promise<AccessRules>
  /** Deletes the object; one that is not there is no error. */
  remove(place: ObjectPlace): Promise<void>
  /**
   * Looks whether the bucket answers, whatever it says, in the background: its `Date` is noted. As a `check` it is
   * sent also while the store does not answer; `signal` ends it early, and then it shows nothing of the store.
   */
  headBucket(placement: Placement, check?: { readonly signal: AbortSignal }): Promise<void>
  /**
   * One page of ListObjectsV2 below `prefix` (the caller's, without the placement's). `after`: the token of the
   * page before; `startAfter`: only keys after this one, without the placement's prefix. One of them, or neither.
   */
  list(
    placement: Placement,
    request: {
      prefix: string
      limit: number
      after?: string
      startAfter?: string
      background?: true
    },
  ): Promise<ListPage>
  /**
   * Begins a multipart upload and answers the store's id for it: 1 to 1,024 visible ASCII characters.
   * `headers` have lower-case names, and all of them are signed. Repeating it begins another one.
   * Throws `UnsupportedByStore` where the store will not have it as asked, however often.
   */
  createMultipart(place: ObjectPlace, headers: ReadonlyMap<string, string>): Promise<string>
  /** All parts that the store has, by ascending number; undefined when there is no such upload. */
  listParts(place: ObjectPlace, uploadId: string): Promise<readonly ListedPart[] | undefined>
  /**
   * Makes the object of parts in ascending order; `writeOnce` sends `If-None-Match: *`, which only
   * some stores keep. May take a minute. After `StoreUnavailable` it may or may not have happened,
   * and repeating it may be refused: look at the object first.
   */
  completeMultipart(
    place: ObjectPlace,
    request: {
      readonly uploadId: string
      readonly parts: readonly PartToComplete[]
      readonly writeOnce: boolean
    },
  ): Promise<CompleteOutcome>
  /** Ends an upload and drops its parts; one that is not there is no error. */
  abortMultipart(place: ObjectPlace, uploadId: string): Promise<void>
  /** The uploads of exactly this key that are pending, in the store's order. */
  listMultiparts(place: ObjectPlace): Promise<readonly PendingMultipart[]>
  /**
   * The bucket's rules for pages of other origins; none is an empty list. Undefined where the store
   * does not know the request, or says so. Throws `StoreUnavailable` also for rules that hold what
   * Signet could not write back.
   */
  corsRules(placement: Placement): Promise<readonly CorsRule[] | undefined>
  /**
   * Replaces all rules of the bucket. False where the store has no such request: nothing has changed
   * then. Safe to repeat.
   */
  putCorsRules(placement: Placement, rules: readonly CorsRule[]): Promise<boolean>
}
