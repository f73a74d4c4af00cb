import type { EncryptionAlgorithm } from '../policy/object-settings.ts'
import type { Placement } from './store.ts'

/** How keys come about: Signet's template, or the caller's choice below a prefix of the caller's own. */
export type KeyRule =
  | { readonly kind: 'template'; readonly template: string }
  | { readonly kind: 'caller'; readonly callerPrefix: string }

/** How the store encrypts what is uploaded. */
export interface EncryptionRules {
  /** Signed where nothing is asked for. Default: nothing is signed, and the store has its way. */
  readonly default?: EncryptionAlgorithm
  /** What callers may ask for; the default is always in it. Default: nothing. */
  readonly allowed: ReadonlySet<EncryptionAlgorithm>
  /** Signed with every `aws:kms`. Default: the store's own key. */
  readonly kmsKeyId?: string
}

/** What may be uploaded. */
export interface UploadRules {
  /** Largest object, in bytes. */
  readonly maxSizeBytes: number
  /** Exact essences; empty: any type but the active ones (HTML, SVG, XML, JavaScript). */
  readonly contentTypes: ReadonlySet<string>
  /** Lifetime of a grant when none is asked for, in seconds. Default 300. */
  readonly expiresInSeconds: number
  /** Longest lifetime that may be asked for, in seconds. Default 3,600. */
  readonly expiresInSecondsMax: number
  /** Grants may end after the credential that they were given to. Default false. */
  readonly mayOutliveCredential: boolean
  /** `true`: uploads are write-once or refused. `undefined`: write-once where the store keeps it. */
  readonly writeOnce: boolean | undefined
  /** What happens to an object larger than its reservation. Default `keep`: recorded as it is. */
  readonly oversized: 'keep' | 'delete'
  /**
   * What happens to an object that was sent with headers nobody signed: tags, access for others, a
   * redirect, another storage class. Default `keep`: rejected, and recorded as it is.
   */
  readonly altered: 'keep' | 'delete'
  /**
   * Mode `auto` cuts larger objects into parts, in bytes. Default 64 MiB, or what the store takes in
   * one PUT where that is less.
   */
  readonly multipartThresholdBytes: number
  /**
   * How long an upload in parts can be resumed, in seconds; then it is aborted. 3,600 to 604,800,
   * default 86,400.
   */
  readonly multipartLifetimeSeconds: number
  /**
   * `true`: refused where whoever holds a URL could add `x-amz-*` headers that cannot be pinned.
   * Default false.
   */
  readonly strictHeaders: boolean
  /** Storage classes that callers may ask for. Default: none. */
  readonly storageClasses: ReadonlySet<string>
  /** Tag keys that callers may set, ten in one upload. Default: none. */
  readonly tagKeys: ReadonlySet<string>
  readonly encryption: EncryptionRules
}

export interface DownloadRules {
  readonly expiresInSeconds: number
  readonly expiresInSecondsMax: number
  /** Grants may end after the credential that they were given to. Default false. */
  readonly mayOutliveCredential: boolean
  /** `attachment` forces a download; `inline` lets callers choose. Default `attachment`. */
  readonly disposition: 'attachment' | 'inline'
  /**
   * Downloads of one object have the same URL within a window of so many seconds, so that it can be
   * cached; always less than `expiresInSeconds`. Default 0: each has its own.
   */
  readonly stableForSeconds: number
}

/** How one of several placements is chosen for a new object. */
export interface PlacingRules {
  /**
   * `primary`: the first that takes it, can keep what is asked, is up and has room. `weighted`: the same in an
   * order by weight that is each key's own, so that it is the same on every gateway. Default `primary`.
   */
  readonly strategy: 'primary' | 'weighted'
  /**
   * When every placement that takes it is down: `sign` issues links all the same, for clients see by themselves
   * whether a store is there; `refuse` answers 503 `StoreUnavailable`. Default `sign`.
   */
  readonly whenDown: 'sign' | 'refuse'
}

/** The name a caller uses, and the rules behind it. */
export interface Bucket {
  readonly name: string
  /** One to sixteen, in the order in which they are asked. */
  readonly placements: readonly [Placement, ...Placement[]]
  readonly placing: PlacingRules
  readonly keys: KeyRule
  readonly upload: UploadRules
  readonly download: DownloadRules
}
