/** One thing that happened, who did it and how it was decided. Never a grant, never a secret. */
export interface AuditEvent {
  readonly event:
    | 'upload.granted'
    | 'upload.parts_granted'
    | 'upload.refused'
    | 'upload.settled'
    | 'upload.aborted'
    | 'upload.expired'
    | 'upload.rejected'
    | 'download.granted'
    | 'download.refused'
    | 'object.deleted'
    | 'object.gone'
    | 'object.listed'
    | 'request.refused'
    | 'usage.adjustment_requested'
    | 'usage.adjusted'
    | 'usage.adjustment_refused'
    | 'ledger.repaired'
    | 'store.cors_changed'
    | 'ledger.reconciled'
    | 'admin.change_requested'
    | 'admin.changed'
    | 'admin.refused'
    | 'config.reloaded'
    | 'config.refused'
  readonly at: string
  readonly requestId?: string
  readonly tenant?: string
  readonly user?: string
  readonly keyId?: string
  /** Of a token: the name of its issuer. */
  readonly issuer?: string
  /** The rule that allowed it. */
  readonly rule?: string
  /** First 16 hex digits of the SHA-256 of what was signed, so that a grant can be recognised; never it. */
  readonly grantHash?: string
  /** Of an operator: "token", or issuer and subject. */
  readonly admin?: string
  /** What an operator did, by the operation of the admin API, to what: "tenants/acme/keys/k1". */
  readonly action?: string
  readonly resource?: string
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
  /** The operator's own id of an adjustment, what it adds to the limit, and why. */
  readonly adjustmentId?: string
  readonly delta?: number
  readonly reason?: string
  /** What a repair of the ledger has mended: counters, and entries of the sweeper's index. */
  readonly repaired?: { readonly counters: number; readonly index: number }
  /** What a comparison of stores and ledger has met, by kind, and its run. */
  readonly reconciled?: Readonly<Record<string, string | number>>
}

/** Where audit events go. */
export interface Audit {
  /**
   * Resolves once the event is recorded; rejects with `Overloaded` when the bounded buffer is full
   * or the sink fails. An allow that cannot be recorded is not given.
   */
  append(event: AuditEvent): Promise<void>
  close(): Promise<void>
}
