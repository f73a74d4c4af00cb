import type { Operation, Permission, Principal } from '../../src/auth/principal.ts'
import { GatewayError } from '../../src/errors.ts'

/** What a rule allows; members that are left out allow the most. */
export interface Grant {
  readonly operations?: readonly Operation[]
  readonly buckets?: readonly string[]
  readonly prefix?: string
  readonly maxSizeBytes?: number
  readonly contentTypes?: readonly string[]
  readonly name?: string
  readonly expiresInSecondsMax?: number
  readonly networks?: readonly string[]
}

/** A rule for uploads to `media`, changed by `grant`. */
export function permission(grant: Grant = {}): Permission {
  const {
    operations = ['upload'],
    buckets = ['media'],
    prefix = '',
    maxSizeBytes,
    contentTypes,
    ...others
  } = grant
  return {
    ...others,
    operations: new Set(operations),
    buckets: new Set(buckets),
    prefix,
    ...(maxSizeBytes !== undefined && { maxSizeBytes }),
    ...(contentTypes !== undefined && { contentTypes: new Set(contentTypes) }),
  }
}

/** Alice of acme, with these rules. */
export function principal(...grants: readonly Grant[]): Principal {
  return { tenant: 'acme', user: 'alice', keyId: 'k1', permissions: grants.map(permission) }
}

/** Code, message and fields that a call throws; `undefined` when it throws nothing. */
export function refusalOf(
  call: () => unknown,
): { code: string; message: string; fields: readonly string[] } | undefined {
  try {
    call()
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    const { code, message, details } = error
    return { code, message, fields: (details.fields ?? []).map(({ path }) => path) }
  }
  return undefined
}
