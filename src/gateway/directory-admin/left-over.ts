import { revokedKey } from '../../config/directory/change-key.ts'
import type { DirectoryEntity } from '../../config/directory/document-name.ts'
import { documentName } from '../../config/directory/document-name.ts'
import { REMOVED } from '../../config/directory/entity-documents.ts'
import { orderedKeyDocument } from '../../config/directory/key-document.ts'
import { quote } from '../../config/problem.ts'
import { GatewayError } from '../../errors.ts'
import type { GatewayContext } from '../context.ts'
import { keyChange } from '../keys/key-change.ts'
import { liveKeysOf } from '../keys/stored-key.ts'
import { someAtATime } from '../some-at-a-time.ts'
import { type AdminRequest, adminChange } from './admin-request.ts'
import { changeEntity } from './change-entity.ts'
import { hasSettings } from './user-source.ts'

/** A tenant, or a user of it. */
export interface Owner {
  readonly tenant: string
  readonly user?: string
}

/** What came in between is removed by whoever asked for the removal. */
type Removal = Pick<AdminRequest, 'admin' | 'requestId'> & { readonly action: string }

/** Others that an error names. */
const MAX_TOLD = 5
/** Users that are removed at the same time. */
const AT_ONCE = 16

/**
 * Throws `DeleteConflict` while keys or users of an older tenant or user of this id are there: they would
 * act for the new one.
 */
export function checkNothingLeft(context: GatewayContext, { tenant, user }: Owner): void {
  const keys = liveKeysOf(context, { tenant, ...(user !== undefined && { user }) })
  if (keys.length > 0) {
    throw leftOver(`revoke its keys ${told(keys.map(({ id }) => id))} first`)
  }
  const users = user === undefined ? [...usersOf(context, tenant).keys()] : []
  if (users.length === 0) return
  throw leftOver(`delete the tenant, or its users ${told(users)}, first`)
}

/** Whether users of a tenant are known that nobody has set up. */
export function hasSeenUsers(context: GatewayContext, tenant: string): boolean {
  return usersOf(context, tenant).size > 0
}

/**
 * Looks once more after a removal and takes away what somebody made who had not heard of it: keys are
 * revoked, a tenant's users removed. Nothing where the owner is there again. Safe to repeat. Throws
 * `LedgerUnavailable`.
 */
export async function removeLeftOver(
  context: GatewayContext,
  owner: Owner,
  removal: Removal,
): Promise<void> {
  await context.directory.sync()
  if (isThere(context, owner)) return
  for (const { id } of liveKeysOf(context, owner)) {
    await revokeLeftKey(context, { tenant: owner.tenant, id }, removal)
  }
  if (owner.user !== undefined) return
  const users = [...usersOf(context, owner.tenant).keys()]
  await someAtATime(users, AT_ONCE, (user) =>
    removeLeftUser(context, { tenant: owner.tenant, user }, removal),
  )
}

/** Revokes a key whose owner is gone. Throws `Overloaded` when it cannot be recorded, `LedgerUnavailable`. */
export async function revokeLeftKey(
  context: GatewayContext,
  { tenant, id }: { readonly tenant: string; readonly id: string },
  { action, ...request }: Removal,
): Promise<void> {
  const current = () => {
    const key = liveKeysOf(context, { tenant }).find((each) => each.id === id)
    return key ?? context.directory.entries.keys.get(id)
  }
  const known = current()
  if (known === undefined) return
  await changeEntity(context, {
    entity: { kind: 'key', key: id },
    change: keyChange(action, known, request),
    precondition: {},
    next: () => orderedKeyDocument(revokedKey(current() ?? known, context.clock.nowMs())),
  })
}

/** Whether a tenant, or a user of it, is in force. */
export function isThere({ live }: Pick<GatewayContext, 'live'>, { tenant, user }: Owner): boolean {
  const found = live.current.tenants.get(tenant)
  return found !== undefined && (user === undefined || found.users.has(user))
}

/** Of one that an operator has set up, the removal is recorded. */
async function removeLeftUser(
  context: GatewayContext,
  { tenant, user }: { readonly tenant: string; readonly user: string },
  { action, ...request }: Removal,
): Promise<void> {
  const { directory } = context
  const entity: DirectoryEntity & { kind: 'user' } = { kind: 'user', tenant, user }
  const settings = usersOf(context, tenant).get(user)
  if (settings === undefined) return
  if (hasSettings(settings)) {
    const change = adminChange({ ...request, precondition: {} }, action, entity)
    await changeEntity(context, { entity, change, precondition: {}, next: () => REMOVED })
    return
  }
  const name = documentName(entity)
  const ifVersion = directory.document(name)?.version ?? 0
  // Whoever writes it meanwhile has seen it again; the next removal finds it.
  await directory.put({ name, value: JSON.stringify(REMOVED), ifVersion })
}

function usersOf({ directory }: GatewayContext, tenant: string) {
  return directory.entries.users.get(tenant) ?? new Map()
}

function told(ids: readonly string[]): string {
  const more = ids.length > MAX_TOLD ? ` and ${ids.length - MAX_TOLD} more` : ''
  return `${ids.slice(0, MAX_TOLD).map(quote).join(', ')}${more}`
}

function leftOver(what: string): GatewayError {
  return new GatewayError(
    'DeleteConflict',
    `Cannot make it: something of an older one of this id is left; ${what}`,
  )
}
