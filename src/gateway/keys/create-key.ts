import { createApiKey, hashApiKey } from '../../auth/api-key.ts'
import { type KeyDocument, orderedKeyDocument } from '../../config/directory/key-document.ts'
import type { AllowInput } from '../../config/schema-allow.ts'
import { GatewayError } from '../../errors.ts'
import { toHex } from '../../hashing.ts'
import type { Secret } from '../../secret.ts'
import type { GatewayContext } from '../context.ts'
import type { AdminRequest } from '../directory-admin/admin-request.ts'
import { changeEntity } from '../directory-admin/change-entity.ts'
import { isThere, revokeLeftKey } from '../directory-admin/left-over.ts'
import { checkRules } from './check-rules.ts'
import { inFuture } from './in-future.ts'
import { keyChange } from './key-change.ts'

/** A key that is to be made. */
export interface WantedKey {
  readonly tenant: string
  /** Whom it acts for: there already. */
  readonly user: string
  /** Letters and digits, never used before, not for a revoked key either. Default: a random one. */
  readonly id?: string | undefined
  readonly allow: readonly AllowInput[]
  readonly label?: string | undefined
  /** In the future. Default: it does not end. */
  readonly expiresAtMs?: number | undefined
}

/** A key with the one secret that is never shown again. */
export interface IssuedKey {
  readonly key: KeyDocument
  readonly secret: Secret
  /** Of its document. */
  readonly version: number
}

const ID_BYTES = 10

/**
 * Makes an API key: only its hash is stored. Throws `NoSuchEntity` for a tenant that is not there,
 * `InvalidRequest` for a user that is not, rules that cannot be and an end that is past, `AccessDenied` for
 * rules beyond the tenant's, `EntityAlreadyExists` for an id that was used before, `Overloaded` when it
 * cannot be recorded, `LedgerUnavailable`.
 */
export async function createKey(
  context: GatewayContext,
  wanted: WantedKey,
  request: AdminRequest,
): Promise<IssuedKey> {
  const { tenant, user, label, expiresAtMs } = wanted
  const id = wanted.id ?? toHex(context.random(ID_BYTES))
  const secret = createApiKey(context.random, id)
  const createdAtMs = context.clock.nowMs()
  const key = orderedKeyDocument({
    id,
    tenant,
    user,
    ...(label !== undefined && { label }),
    allow: [...wanted.allow],
    hashes: [{ ...storedSecret(context, secret), createdAtMs }],
    createdAtMs,
    ...(expiresAtMs !== undefined && { expiresAtMs: inFuture(context, expiresAtMs) }),
  })
  const { version } = await changeEntity(context, {
    entity: { kind: 'key', key: id },
    change: keyChange('createKey', key, request),
    precondition: request.precondition,
    next: ({ storedVersion }) => {
      checkOwner(context, wanted)
      if (storedVersion > 0 || context.live.file.keys.has(id)) {
        throw new GatewayError(
          'EntityAlreadyExists',
          `Cannot make the key: the id "${id}" is taken, for good`,
        )
      }
      checkRules(context, wanted, wanted.allow)
      return key
    },
  })
  await checkOwnerStayed(context, key, request)
  return { key, secret, version }
}

/** What is stored of a new secret, beside its dates. */
export function storedSecret(
  { hashing, live }: Pick<GatewayContext, 'hashing' | 'live'>,
  secret: Secret,
): { readonly hash: string; readonly last4: string } {
  return {
    hash: hashApiKey(hashing, live.secrets.pepper.current, secret),
    last4: secret.reveal().slice(-4),
  }
}

/**
 * Looks once more whose key it is: whoever removed the owner before the key was there could not see it.
 * Whoever removed it later looks as well, so that a store which falls silent now leaves little to chance.
 */
async function checkOwnerStayed(
  context: GatewayContext,
  key: KeyDocument,
  request: AdminRequest,
): Promise<void> {
  try {
    await context.directory.sync()
  } catch (error) {
    context.log.warn('key.owner_unchecked', { keyId: key.id, error })
    return
  }
  if (isThere(context, key)) return
  await revokeLeftKey(context, key, { ...request, action: 'createKey' })
  throw new GatewayError(
    'NoSuchEntity',
    'Cannot make the key: its tenant or user was removed at the same time; it is revoked',
  )
}

function checkOwner({ live }: GatewayContext, { tenant, user }: WantedKey): void {
  const owner = live.current.tenants.get(tenant)
  if (owner === undefined) {
    throw new GatewayError('NoSuchEntity', 'Cannot make the key: there is no such tenant')
  }
  if (owner.users.has(user)) return
  throw new GatewayError('InvalidRequest', 'Cannot make the key: the tenant has no such user', {
    fields: [{ path: 'user', message: 'is no user of this tenant' }],
  })
}
