/**
 * What a permission can allow. Reads of metadata (HEAD) come with `download`. `upload` allows every
 * form of upload; `multipart` alone only those in parts.
 */
export const OPERATIONS = [
  'upload',
  'download',
  'list',
  'delete',
  'overwrite',
  'multipart',
  'versions',
] as const

export type Operation = (typeof OPERATIONS)[number]

/** One allow rule. There are no deny rules: what no rule allows is refused. */
export interface Permission {
  /** What the operator calls the rule; for explanations and audit. Absent: its place in the list. */
  readonly name?: string
  readonly operations: ReadonlySet<Operation>
  /** Gateway bucket names, matched exactly; none means no bucket. */
  readonly buckets: ReadonlySet<string>
  /**
   * Bytes that a key must start with: ends in `/`, or is empty for a whole bucket. Of a principal it has
   * no variables any more.
   */
  readonly prefix: string
  /** Largest single object, in bytes; absent: the bucket's own maximum. */
  readonly maxSizeBytes?: number
  /** Allowed content types by exact essence; absent: the bucket's own list. */
  readonly contentTypes?: ReadonlySet<string>
  /** Longest life of a grant, in seconds; absent: the bucket's own maximum. */
  readonly expiresInSecondsMax?: number
  /** Networks that a request has to come from, in CIDR notation; absent: any. */
  readonly networks?: readonly string[]
}

/** Who asks. Comes from verified credentials and configuration only, never from a request's body. */
export interface Principal {
  readonly tenant: string
  readonly user: string
  /** Id of the API key; absent for a token. It is no secret. */
  readonly keyId?: string
  /** Name of the issuer of the token; absent for an API key. */
  readonly issuer?: string
  /** Name of the plan that the token asks for; absent: the tenant's default, or whatever an operator gave. */
  readonly plan?: string
  /** What the credential may do. */
  readonly permissions: readonly Permission[]
  /** What the tenant may do at all: one of these rules has to allow it, too. Absent: no bound. */
  readonly ceiling?: readonly Permission[]
  /** When the credential ends, in milliseconds; absent: it does not. */
  readonly expiresAtMs?: number
  /** Nothing may be done with the credential, although it is a good one. */
  readonly outOfUse?: true
  /** The caller's address, there when a rule asks for it. */
  readonly address?: string
  /** Where the caller is, in lower case; there when a placement asks for it and it is known. */
  readonly region?: string
}

/** What tells one credential of a user from another, for cursors and local limits. */
export function credentialName({ keyId, issuer }: Pick<Principal, 'keyId' | 'issuer'>): string {
  return keyId === undefined ? `jwt:${issuer ?? ''}` : `key:${keyId}`
}
