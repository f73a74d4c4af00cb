import type { KeyRecord } from '../../auth/key-record.ts'
import { documentName, entityOf } from '../../config/directory/document-name.ts'
import { type KeyDocument, salvagedKeyDocument } from '../../config/directory/key-document.ts'
import { GatewayError } from '../../errors.ts'
import type { GatewayContext } from '../context.ts'

/** A key that was made by the admin API. */
export interface MadeKey {
  readonly source: 'admin'
  readonly key: KeyDocument
  /** Why it is not in force; all that may be done with it then is to revoke it. */
  readonly problem?: string
}

/** A key, by where it comes from. The configuration file wins where both name the same id. */
export type StoredKey =
  | { readonly source: 'configuration'; readonly key: KeyRecord; readonly problem?: never }
  | MadeKey

/** Which key is meant. */
export interface KeyPlace {
  readonly tenant: string
  readonly id: string
}

type Context = Pick<GatewayContext, 'directory' | 'live'>

/** Every key that there is, revoked ones too, and those that the configuration file hides. */
export function* storedKeys(context: Context): Generator<StoredKey> {
  for (const key of context.live.file.keys.values()) yield { source: 'configuration', key }
  yield* madeKeys(context)
}

/** Keys of the admin API that act, or would if nothing hid them, for a tenant or one user of it. */
export function liveKeysOf(
  context: Context,
  { tenant, user }: { readonly tenant: string; readonly user?: string },
): readonly KeyDocument[] {
  return [...madeKeys(context)]
    .map(({ key }) => key)
    .filter((key) => key.tenant === tenant && (user === undefined || key.user === user))
    .filter(({ revokedAtMs }) => revokedAtMs === undefined)
}

/** A key of a tenant. Throws `NoSuchEntity`, in the same words for a key of another tenant. */
export function storedKey(context: Context, { tenant, id }: KeyPlace): StoredKey {
  const configured = context.live.file.keys.get(id)
  if (configured?.tenant === tenant) return { source: 'configuration', key: configured }
  const made = madeKey(context, { tenant, id })
  if (made !== undefined) return made
  throw new GatewayError('NoSuchEntity', 'Cannot find the key: the tenant has none with this id')
}

/**
 * A key of a tenant that may be changed. Throws `NoSuchEntity`, and `UnmodifiableEntity` for one of the
 * configuration file, or one that is not in force.
 */
export function changeableKey(context: Context, place: KeyPlace): KeyDocument {
  const found = storedKey(context, place)
  if (found.source === 'configuration') throw setByFile()
  if (found.problem === undefined) return found.key
  throw new GatewayError(
    'UnmodifiableEntity',
    `Cannot change the key, but only revoke it: ${found.problem}`,
  )
}

/**
 * A key of a tenant that may be revoked: one of the admin API, whatever hides it. Throws as
 * `changeableKey` does where there is no such key, or none but the file's that still acts.
 */
export function revocableKey(context: Context, place: KeyPlace): KeyDocument {
  const made = madeKey(context, place)
  const isDone = made === undefined || made.key.revokedAtMs !== undefined
  if (isDone && isSetByFile(context, place)) throw setByFile()
  return made?.key ?? changeableKey(context, place)
}

/** Whether the configuration file has this key of this tenant. */
export function isSetByFile({ live }: Pick<Context, 'live'>, { tenant, id }: KeyPlace): boolean {
  return live.file.keys.get(id)?.tenant === tenant
}

/** The version of a key's document; `undefined` for a key of the configuration file. */
export function keyVersion({ directory }: Context, { source, key }: StoredKey): number | undefined {
  if (source === 'configuration') return undefined
  return directory.document(documentName({ kind: 'key', key: key.id }))?.version
}

function setByFile(): GatewayError {
  return new GatewayError(
    'UnmodifiableEntity',
    'Cannot change the key: the configuration file sets it, and wins',
  )
}

function* madeKeys({ directory, live }: Context): Generator<MadeKey> {
  const { keys, unreadable } = directory.entries
  for (const key of keys.values()) yield made(key, live)
  for (const [name, why] of unreadable) {
    const entity = entityOf(name)
    const key = entity?.kind === 'key' ? salvaged(directory, entity.key) : undefined
    if (key !== undefined) yield { source: 'admin', key, problem: `it cannot be read: ${why}` }
  }
}

function madeKey({ directory, live }: Context, { tenant, id }: KeyPlace): MadeKey | undefined {
  const { keys, unreadable } = directory.entries
  const key = keys.get(id)
  if (key !== undefined) return key.tenant === tenant ? made(key, live) : undefined
  const why = unreadable.get(documentName({ kind: 'key', key: id }))
  const rest = why === undefined ? undefined : salvaged(directory, id)
  if (rest?.tenant !== tenant) return undefined
  return { source: 'admin', key: rest, problem: `it cannot be read: ${why}` }
}

function made(key: KeyDocument, { file }: Context['live']): MadeKey {
  const isHidden = file.keys.has(key.id) && key.revokedAtMs === undefined
  const problem = 'the configuration file has a key of this id, and wins'
  return { source: 'admin', key, ...(isHidden && { problem }) }
}

function salvaged({ document }: Context['directory'], id: string): KeyDocument | undefined {
  const found = document(documentName({ kind: 'key', key: id }))
  return found && salvagedKeyDocument(id, found.value)
}
