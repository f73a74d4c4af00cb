import type { Permission } from '../auth/principal.ts'
import type { AllowInput } from './schema-allow.ts'

/** A permission as a rule of the configuration: what `buildPermission` makes the same permission of. */
export function allowRule(permission: Permission): AllowInput {
  const { name, operations, buckets, prefix } = permission
  const { maxSizeBytes, contentTypes, expiresInSecondsMax, networks } = permission
  return {
    ...(name !== undefined && { name }),
    operations: [...operations],
    buckets: [...buckets],
    ...(prefix === '' ? { wholeBucket: true } : { prefix }),
    ...(maxSizeBytes !== undefined && { maxSizeBytes }),
    ...(contentTypes !== undefined && { contentTypes: [...contentTypes] }),
    ...(expiresInSecondsMax !== undefined && { expiresInSecondsMax }),
    ...(networks !== undefined && { networks: [...networks] }),
  }
}
