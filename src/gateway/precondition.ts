import { GatewayError } from '../errors.ts'

/**
 * What a change by the admin API goes by, by versions of the document that it is about (RFC 9110,
 * section 13.1). A version that nothing can have, like that of a foreign entity tag, is `NaN`.
 */
export interface Precondition {
  /** `*`: it is there; versions: it has one of them. Absent: whatever there is. */
  readonly ifMatch?: '*' | readonly number[]
  /** `*`: it is not there; versions: it has none of them. Absent: whatever there is. */
  readonly ifNoneMatch?: '*' | readonly number[]
}

/**
 * Throws `PreconditionFailed` when what there is, is not what the caller has seen. `version`: undefined
 * for what is not there, or has been removed.
 */
export function checkPrecondition(
  { ifMatch, ifNoneMatch }: Precondition,
  version: number | undefined,
): void {
  if (ifMatch !== undefined && !isOneOf(ifMatch, version)) {
    const why = version === undefined ? 'it is not there' : 'it has changed since it was read'
    throw new GatewayError('PreconditionFailed', `Cannot change it: ${why}`)
  }
  if (ifNoneMatch !== undefined && isOneOf(ifNoneMatch, version)) {
    throw new GatewayError('PreconditionFailed', 'Cannot make it: it is there already')
  }
}

/** Whether a version is among those of a header field; `*` is any that there is. */
function isOneOf(versions: '*' | readonly number[], version: number | undefined): boolean {
  if (version === undefined) return false
  return versions === '*' || versions.includes(version)
}
