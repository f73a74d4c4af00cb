import type { DirectoryEntity } from '../../config/directory/document-name.ts'
import { GatewayError } from '../../errors.ts'
import { type AdminChange, resourceOf } from '../audited-change.ts'
import type { Precondition } from '../precondition.ts'
import type { JsonObject } from './merge-patch.ts'

/** Who changes something, and over which version of it. */
export interface AdminRequest {
  /** "token", or issuer and subject. */
  readonly admin: string
  readonly requestId: string
  readonly precondition: Precondition
}

/** What an entity is to be, from what it is: `undefined` when it is not there. Throws what is wrong. */
export type SettingsChange<Settings> = (current: JsonObject | undefined) => Settings

/** The audit log's words for a change of an entity. */
export function adminChange(
  { admin, requestId }: AdminRequest,
  action: string,
  entity: Exclude<DirectoryEntity, { kind: 'key' }>,
): AdminChange {
  const common = { admin, requestId, action }
  switch (entity.kind) {
    case 'plan':
      return { ...common, resource: resourceOf('plans', entity.plan) }
    case 'tenant': {
      const { tenant } = entity
      return { ...common, resource: resourceOf('tenants', tenant), tenant }
    }
    case 'user': {
      const { tenant, user } = entity
      return { ...common, resource: resourceOf('tenants', tenant, 'users', user), tenant, user }
    }
  }
}

/** The error for what the configuration file sets. */
export function unmodifiable(what: string): GatewayError {
  return new GatewayError(
    'UnmodifiableEntity',
    `Cannot change the ${what}: the configuration file sets it, and wins`,
  )
}

/** The error for what is not there. */
export function noSuch(what: string): GatewayError {
  return new GatewayError('NoSuchEntity', `Cannot find the ${what}: there is none of this name`)
}
