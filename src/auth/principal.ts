/** What a permission can allow. Reads of metadata (HEAD) come with `download`. */
export const OPERATIONS = ['upload', 'download', 'list', 'delete', 'overwrite', 'versions'] as const

export type Operation = (typeof OPERATIONS)[number]

/** One allow rule. There are no deny rules: what no rule allows is refused. */
export interface Permission {
  readonly operations: ReadonlySet<Operation>
  /** Gateway bucket names, matched exactly; none means no bucket. */
  readonly buckets: ReadonlySet<string>
  /** Bytes that a key must start with: ends in `/`, or is empty for a whole bucket. */
  readonly prefix: string
  /** Largest single object, in bytes; absent: the bucket's own maximum. */
  readonly maxSizeBytes?: number
  /** Allowed content types by exact essence; absent: the bucket's own list. */
  readonly contentTypes?: ReadonlySet<string>
}

/** Who asks. Comes from verified credentials and configuration only, never from a request's body. */
export interface Principal {
  readonly tenant: string
  readonly user: string
  /** Id of the API key, for audit; it is no secret. */
  readonly keyId: string
  readonly permissions: readonly Permission[]
}
