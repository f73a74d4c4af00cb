import type { Operation, Permission, Principal } from '../auth/principal.ts'
import { GatewayError } from '../errors.ts'
import type { ObjectKey } from '../object-key.ts'

/** What a principal wants to do. */
export interface WantedAccess {
  readonly operation: Operation
  /** Gateway bucket name, as the caller wrote it. */
  readonly bucket: string
  /** Absent: the question is whether anything at all in the bucket may be reached. */
  readonly key?: ObjectKey | undefined
  /** Compared with the permission's own maximum, in bytes; absent: not looked at. */
  readonly sizeBytes?: number | undefined
  /** Essence, compared with the permission's own list; absent: not looked at. */
  readonly contentType?: string | undefined
}

/**
 * Passes when one allow rule covers all that is wanted; there are no deny rules. Throws
 * `AccessDenied`, in the same words for an unknown bucket and a forbidden one; `EntityTooLarge` or
 * `UnsupportedMediaType` where only a rule's own size or types stand in the way.
 */
export function authorize({ permissions }: Principal, wanted: WantedAccess): void {
  if (permissions.some((permission) => allows(permission, wanted))) return
  const near = permissions.filter((permission) => covers(permission, wanted))
  if (near.length === 0) throw accessDenied()
  // The type first: rules that differ by type often have a size each.
  const typed = near.filter((permission) => takesType(permission, wanted.contentType))
  if (typed.length === 0) {
    throw new GatewayError(
      'UnsupportedMediaType',
      `Cannot ${wanted.operation} "${wanted.contentType}": the credential does not allow this type`,
    )
  }
  throw new GatewayError(
    'EntityTooLarge',
    `Cannot ${wanted.operation} ${wanted.sizeBytes} bytes: the credential allows smaller objects only`,
  )
}

/**
 * The prefixes below which a principal may do `operation` in `bucket`, sorted, none inside another:
 * `[]` is nowhere, `['']` the whole bucket.
 */
export function readablePrefixes(
  principal: Principal,
  bucket: string,
  operation: Operation,
): string[] {
  const prefixes = principal.permissions
    .filter((permission) => covers(permission, { operation, bucket }))
    .map(({ prefix }) => prefix)
  const outermost = prefixes.filter(
    (prefix) => !prefixes.some((other) => other !== prefix && prefix.startsWith(other)),
  )
  return [...new Set(outermost)].sort((a, b) => (a < b ? -1 : 1))
}

/** The one refusal for whatever is unknown or forbidden: it tells nobody which. */
export function accessDenied(): GatewayError {
  return new GatewayError('AccessDenied', 'Cannot use the bucket or key: no permission covers it')
}

function allows(permission: Permission, wanted: WantedAccess): boolean {
  const { sizeBytes, contentType } = wanted
  return (
    covers(permission, wanted) &&
    takesType(permission, contentType) &&
    takesSize(permission, sizeBytes)
  )
}

// Prefix and key are well-formed UTF-16, for which a common prefix of units is one of UTF-8 bytes.
// Nothing is normalised: NFC and NFD of one name are two keys, as they are for the store.
function covers(permission: Permission, { operation, bucket, key }: WantedAccess): boolean {
  return (
    permission.operations.has(operation) &&
    permission.buckets.has(bucket) &&
    (key === undefined || key.text.startsWith(permission.prefix))
  )
}

function takesSize({ maxSizeBytes }: Permission, sizeBytes: number | undefined): boolean {
  return sizeBytes === undefined || maxSizeBytes === undefined || sizeBytes <= maxSizeBytes
}

function takesType({ contentTypes }: Permission, contentType: string | undefined): boolean {
  return contentType === undefined || contentTypes === undefined || contentTypes.has(contentType)
}
