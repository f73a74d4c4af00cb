import { createApiKey } from '../../auth/api-key.ts'
import {
  changedKey,
  type KeyChange,
  keyStatus,
  revokedKey,
  rotatedKey,
} from '../../config/directory/change-key.ts'
import { type KeyDocument, orderedKeyDocument } from '../../config/directory/key-document.ts'
import { GatewayError } from '../../errors.ts'
import type { GatewayContext } from '../context.ts'
import type { AdminRequest } from '../directory-admin/admin-request.ts'
import { changeEntity } from '../directory-admin/change-entity.ts'
import { checkRules } from './check-rules.ts'
import { type IssuedKey, storedSecret } from './create-key.ts'
import { inFuture } from './in-future.ts'
import { keyChange } from './key-change.ts'
import { changeableKey, isSetByFile, type KeyPlace, revocableKey } from './stored-key.ts'

/** A change of one key. */
export interface KeyRequest extends KeyPlace, AdminRequest {}

/** A key after a change. */
export interface ChangedKey {
  readonly key: KeyDocument
  /** Of its document. */
  readonly version: number
}

/**
 * Changes label, end and rules of a key. Throws `NoSuchEntity`, also for a revoked key,
 * `UnmodifiableEntity` for one of the configuration file, `PreconditionFailed`, and for what is to be what
 * `createKey` throws.
 */
export async function changeKey(
  context: GatewayContext,
  request: KeyRequest & { readonly change: KeyChange },
): Promise<ChangedKey> {
  const { change } = request
  return write(context, 'changeKey', request, (key) => {
    assertNotRevoked(key)
    if (typeof change.expiresAtMs === 'number') inFuture(context, change.expiresAtMs)
    if (change.allow !== undefined) checkRules(context, key, change.allow)
    return changedKey(key, change)
  })
}

/**
 * Gives a key a new secret; those before it go on for the overlap, in milliseconds, 0 and up. Throws what
 * `changeKey` throws, and `DeleteConflict` for a key that has ended, since no secret of it works, and when
 * too many secrets would work at the same time.
 */
export async function rotateKey(
  context: GatewayContext,
  request: KeyRequest & { readonly overlapMs: number },
): Promise<IssuedKey> {
  const secret = createApiKey(context.random, request.id)
  const rotated = await write(context, 'rotateKey', request, (key) => {
    assertNotRevoked(key)
    const { overlapMs } = request
    const nowMs = context.clock.nowMs()
    if (keyStatus(key, nowMs) === 'expired') throw ended()
    return rotatedKey(key, { ...storedSecret(context, secret), nowMs, overlapMs })
  })
  return { ...rotated, secret }
}

/**
 * Revokes a key, for good: its id stays taken. Safe to repeat. One that the configuration file hides, or
 * that cannot be read, is revoked as well. Throws `NoSuchEntity`, `PreconditionFailed`, and
 * `UnmodifiableEntity` where the file's own key of this tenant and id goes on.
 */
export async function revokeKey(context: GatewayContext, request: KeyRequest): Promise<void> {
  const { tenant, id, precondition } = request
  await changeEntity(context, {
    entity: { kind: 'key', key: id },
    change: () => keyChange('revokeKey', revocableKey(context, { tenant, id }), request),
    precondition,
    next: () =>
      orderedKeyDocument(revokedKey(revocableKey(context, { tenant, id }), context.clock.nowMs())),
  })
  if (!isSetByFile(context, { tenant, id })) return
  throw new GatewayError(
    'UnmodifiableEntity',
    "Cannot revoke the configuration file's key of this id; the one that it hid is revoked",
  )
}

async function write(
  context: GatewayContext,
  action: string,
  request: KeyRequest,
  next: (key: KeyDocument) => KeyDocument,
): Promise<ChangedKey> {
  const { tenant, id, precondition } = request
  let written: KeyDocument | undefined
  const { version } = await changeEntity(context, {
    entity: { kind: 'key', key: id },
    change: () => keyChange(action, changeableKey(context, { tenant, id }), request),
    precondition,
    next: () => {
      written = orderedKeyDocument(next(changeableKey(context, { tenant, id })))
      return written
    },
  })
  if (written === undefined) throw new GatewayError('InternalError', 'Cannot change the key')
  return { key: written, version }
}

function ended(): GatewayError {
  return new GatewayError(
    'DeleteConflict',
    'Cannot rotate the key: it has ended, so that its new secret would not work; give it another end first',
  )
}

function assertNotRevoked({ revokedAtMs }: KeyDocument): void {
  if (revokedAtMs === undefined) return
  throw new GatewayError('NoSuchEntity', 'Cannot change the key: it is revoked, for good')
}
