/** All that is recorded, by name: `<what>.<what became of it>`. Add freely, never rename. */
export const AUDIT_KINDS = [
  'upload.granted',
  'upload.parts_granted',
  'upload.refused',
  'upload.settled',
  'upload.aborted',
  'upload.expired',
  'upload.rejected',
  'download.granted',
  'download.refused',
  'object.deleted',
  'object.gone',
  'object.listed',
  'request.refused',
  'usage.adjustment_requested',
  'usage.adjusted',
  'usage.adjustment_refused',
  'ledger.repaired',
  'store.cors_changed',
  'ledger.reconciled',
  'admin.change_requested',
  'admin.changed',
  'admin.refused',
  'admin.unknown',
  'config.reloaded',
  'config.refused',
] as const

export type AuditKind = (typeof AUDIT_KINDS)[number]

/** One thing that happened, who did it and how it was decided. Never a grant, never a secret. */
export interface AuditEvent {
  readonly event: AuditKind
  readonly at: string
  readonly requestId?: string
  readonly tenant?: string
  readonly user?: string
  readonly keyId?: string
  /** Of a token: the name of its issuer. */
  readonly issuer?: string
  /** The rule that allowed it. */
  readonly rule?: string
  /**
   * First 16 hex digits of the SHA-256 of what was signed, so that a grant can be recognised; never it. Of a
   * URL as it is, of a form's policy, of the signatures of parts, one after the other.
   */
  readonly grantHash?: string
  /** Of an operator: "token", or issuer and subject. */
  readonly admin?: string
  /** What an operator did, by the operation of the admin API, to what: "tenants/acme/keys/k1". */
  readonly action?: string
  readonly resource?: string
  /** Of what was changed: names of members that are other ones, and short values of some, by path. */
  readonly changed?: readonly string[]
  readonly values?: Readonly<Record<string, string | number | boolean | null>>
  /** After the change, as in its `ETag`. */
  readonly version?: number
  readonly uploadId?: string
  readonly bucket?: string
  /** Where an operator changed rules of browsers, for which origins. */
  readonly store?: string
  readonly storeBucket?: string
  readonly origins?: readonly string[]
  /** First 16 hex digits of SHA-256(key): names of objects stay private. */
  readonly keyHash?: string
  readonly sizeBytes?: number
  /** Part URLs that were signed at once. */
  readonly parts?: number
  /** Error code of a refusal. */
  readonly code?: string
  /** Limits that refused. */
  readonly policies?: readonly string[]
  /** Limits that only count and report, and would have refused what was granted. */
  readonly shadowPolicies?: readonly string[]
  readonly expiresAt?: string
  /**
   * The operator's own id of an adjustment, what it adds to the limit, and why; of a refusal, why its caller may
   * not act at all.
   */
  readonly adjustmentId?: string
  readonly delta?: number
  readonly reason?: string
  /** What a repair of the ledger has mended: counters, and entries of the sweeper's index. */
  readonly repaired?: { readonly counters: number; readonly index: number }
  /** What a comparison of stores and ledger has met, by kind, and its run. */
  readonly reconciled?: Readonly<Record<string, string | number>>
}

/** Events of one page, at most. */
export const MAX_AUDIT_PAGE = 1_000

/** Members of an event that a query may compare, each as a whole. */
export const AUDIT_FILTERS = [
  'tenant',
  'user',
  'bucket',
  'event',
  'grantHash',
  'requestId',
  'keyId',
  'uploadId',
] as const satisfies readonly (keyof AuditEvent & keyof AuditQuery)[]

/** Which events, newest first. A member that is absent leaves out none; all others have to match. */
export interface AuditQuery {
  readonly tenant?: string
  readonly user?: string
  /** Gateway bucket name. */
  readonly bucket?: string
  readonly event?: AuditKind
  /** Of a grant that was found somewhere: 16 hex digits. */
  readonly grantHash?: string
  readonly requestId?: string
  readonly keyId?: string
  readonly uploadId?: string
  /** Events of this moment and later, in milliseconds; `at` has whole seconds. */
  readonly sinceMs?: number
  /** Events before this moment, in milliseconds. */
  readonly untilMs?: number
  /** 1 to `MAX_AUDIT_PAGE`. */
  readonly limit: number
  /** Where the page before ended: its `next`. */
  readonly after?: string
}

/**
 * One page. It may have fewer events than the limit, even none, and still a `next`: a call looks at so many
 * records and no more.
 */
export interface AuditPage {
  readonly events: readonly AuditEvent[]
  /** Where the next page begins, 1 to 64 characters; absent on the last one. */
  readonly next?: string
}

/** Where audit events go, and are found again. */
export interface Audit {
  /**
   * Resolves once the event is recorded, or waits in the bounded buffer while the sink fails; rejects with
   * `Overloaded` when that is full. An allow that cannot be recorded is not given. Where nobody knows
   * whether the sink took an event it is written again, so one may be there twice.
   */
  append(event: AuditEvent): Promise<void>
  /**
   * Events that have been recorded, newest first: by `at`, or in the order of recording where several
   * gateways share a log that cannot sort. What waits in a buffer is not among them. Throws
   * `InvalidRequest` for an `after` that is none of this log, `NoSuchRoute` for a log that cannot be
   * read again, `AuditUnavailable` when there is no answer.
   */
  query(query: AuditQuery): Promise<AuditPage>
  close(): Promise<void>
}
