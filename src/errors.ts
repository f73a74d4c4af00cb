/** One row of the closed table: what a code means over HTTP. */
export interface ErrorEntry {
  /** HTTP status of a refusal with this code. */
  readonly status: number
  /** Status instead, when every violated limit resets by itself. */
  readonly statusIfWaitingHeals?: number
  /** Default of `Retry-After`, in seconds, for codes that must carry one. */
  readonly retryAfterSeconds?: number
  /** Short, human, constant: the `title` of the problem (RFC 9457 section 3.1.3). */
  readonly title: string
}

/**
 * Every error that Signet answers with. Codes are API: add freely, never rename. S3's name where S3
 * has one. `ERRORS.md` lists the same codes; a test holds the two together.
 */
export const ERRORS = {
  InvalidRequest: { status: 400, title: 'Invalid request' },
  InvalidKey: { status: 400, title: 'Invalid object key' },
  AmbiguousCredentials: { status: 400, title: 'More than one credential' },
  Unauthenticated: { status: 401, title: 'No usable credential' },
  AccessDenied: { status: 403, title: 'Access denied' },
  // The only code with two statuses: 429 if all violated windows reset by themselves, else 403.
  QuotaExceeded: { status: 403, statusIfWaitingHeals: 429, title: 'Quota exceeded' },
  NoSuchUpload: { status: 404, title: 'No such upload' },
  NoSuchKey: { status: 404, title: 'No such object' },
  NoSuchStore: { status: 404, title: 'No such store' },
  // The admin API's, named as IAM names them.
  NoSuchEntity: { status: 404, title: 'No such tenant, user, key or plan' },
  NoSuchRoute: { status: 404, title: 'No such route' },
  UploadIncomplete: { status: 409, title: 'Upload incomplete' },
  UploadRejected: { status: 409, title: 'Upload rejected' },
  UploadNotPending: { status: 409, title: 'Upload not pending' },
  OverwriteInProgress: { status: 409, title: 'Overwrite in progress' },
  EntityAlreadyExists: { status: 409, title: 'There already' },
  UnmodifiableEntity: { status: 409, title: 'Set by the configuration' },
  DeleteConflict: { status: 409, title: 'Still in use' },
  PreconditionFailed: { status: 412, title: 'Changed meanwhile' },
  RequestTooLarge: { status: 413, title: 'Request too large' },
  EntityTooLarge: { status: 413, title: 'Object too large' },
  UnsupportedMediaType: { status: 415, title: 'Unsupported media type' },
  UnsupportedByStore: { status: 422, title: 'Not enforced by the store' },
  IdempotencyMismatch: { status: 422, title: 'Idempotency key used for another request' },
  SlowDown: { status: 429, retryAfterSeconds: 1, title: 'Too many requests' },
  InternalError: { status: 500, title: 'Internal error' },
  LedgerUnavailable: { status: 503, retryAfterSeconds: 2, title: 'Ledger unavailable' },
  AuthUnavailable: { status: 503, retryAfterSeconds: 2, title: 'Authentication unavailable' },
  AuditUnavailable: { status: 503, retryAfterSeconds: 5, title: 'Audit log unavailable' },
  StoreUnavailable: { status: 503, retryAfterSeconds: 5, title: 'Store unavailable' },
  Overloaded: { status: 503, retryAfterSeconds: 1, title: 'Overloaded' },
  // RFC 4918 section 11.5: nothing about the request is wrong, and no room is left for its object.
  InsufficientStorage: { status: 507, retryAfterSeconds: 60, title: 'Stores are full' },
} as const satisfies Record<string, ErrorEntry>

/** A code of the closed table. */
export type ErrorCode = keyof typeof ERRORS

/** One limit that refuses, as a client reads it (`api.md`, Errors). */
export interface Violation {
  readonly policy: string
  readonly unit: string
  readonly limit: number
  readonly used: number
  readonly pending: number
  readonly requested: number
  /** Whole seconds, rounded up, at least 1; absent when waiting does not heal it. */
  readonly retryAfterSeconds?: number
}

/** One member of a request that is not as it should be. */
export interface FieldProblem {
  /** Dotted path of the member, `""` for the body itself. */
  readonly path: string
  readonly message: string
}

/** What became of one allow rule. */
export interface RuleVerdict {
  /** Its name, or its place like `allow[0]`. */
  readonly rule: string
  /** What about the request it does not cover; `tenant`: it does, but no rule of the tenant's. */
  readonly reason:
    | 'operation'
    | 'bucket'
    | 'prefix'
    | 'network'
    | 'contentType'
    | 'sizeBytes'
    | 'tenant'
}

/** What may go with an error: all but `facts` and `cause` is shown to the caller. */
export interface ErrorDetails {
  readonly fields?: readonly FieldProblem[]
  readonly violations?: readonly Violation[]
  /** Which capability the store lacks, for `UnsupportedByStore`. */
  readonly capability?: string
  /** Of a dry run: why none of the caller's own rules allowed it. */
  readonly rules?: readonly RuleVerdict[]
  readonly waitingHeals?: boolean
  /** Whole seconds until a retry makes sense; overrides the table's default. */
  readonly retryAfterSeconds?: number
  /** More header fields of the answer, by lower-case name. */
  readonly headers?: Readonly<Record<string, string>>
  /** For the log alone: never secrets, never a signed URL. */
  readonly facts?: Readonly<Record<string, string | number | boolean>>
  readonly cause?: unknown
}

/**
 * The one error class. `message` becomes the public `detail`: "Cannot <verb> <what>: <why>", values
 * in quotes, no full stop, no secret, no signed URL.
 */
export class GatewayError extends Error {
  readonly code: ErrorCode
  readonly details: ErrorDetails

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined)
    this.name = 'GatewayError'
    this.code = code
    this.details = details
  }

  /** HTTP status: the table's, or the one for limits that waiting heals. */
  get status(): number {
    const entry: ErrorEntry = ERRORS[this.code]
    return this.details.waitingHeals === true
      ? (entry.statusIfWaitingHeals ?? entry.status)
      : entry.status
  }
}
