import type { Placement } from './store.ts'

/** How keys come about: Signet's template, or the caller's choice below a prefix of the caller's own. */
export type KeyRule =
  | { readonly kind: 'template'; readonly template: string }
  | { readonly kind: 'caller'; readonly callerPrefix: string }

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
  /** `true`: uploads are write-once or refused. `undefined`: write-once where the store keeps it. */
  readonly writeOnce: boolean | undefined
  /** What happens to an object larger than its reservation. Default `keep`: recorded as it is. */
  readonly oversized: 'keep' | 'delete'
}

export interface DownloadRules {
  readonly expiresInSeconds: number
  readonly expiresInSecondsMax: number
  /** `attachment` forces a download; `inline` lets callers choose. Default `attachment`. */
  readonly disposition: 'attachment' | 'inline'
}

/** The name a caller uses, and the rules behind it. */
export interface Bucket {
  readonly name: string
  /** At least one; the first is where new objects go. */
  readonly placements: readonly [Placement, ...Placement[]]
  readonly keys: KeyRule
  readonly upload: UploadRules
  readonly download: DownloadRules
}
