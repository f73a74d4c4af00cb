import type { KeyRecord } from '../../auth/key-record.ts'
import { documentName } from '../../config/directory/document-name.ts'
import type { KeyDocument } from '../../config/directory/key-document.ts'
import { GatewayError } from '../../errors.ts'
import type { GatewayContext } from '../context.ts'

/** A key, by where it comes from. The configuration file wins where both name the same id. */
export type StoredKey =
  | { readonly source: 'configuration'; readonly key: KeyRecord }
  | { readonly source: 'admin'; readonly key: KeyDocument }

/** Which key is meant. */
export interface KeyPlace {
  readonly tenant: string
  readonly id: string
}

type Context = Pick<GatewayContext, 'directory' | 'live'>

/** Every key that there is, revoked ones too. */
export function* storedKeys({ directory, live }: Context): Generator<StoredKey> {
  const { keys } = live.file
  for (const key of keys.values()) yield { source: 'configuration', key }
  for (const key of directory.entries.keys.values()) {
    if (!keys.has(key.id)) yield { source: 'admin', key }
  }
}

/** A key of a tenant. Throws `NoSuchEntity`, in the same words for a key of another tenant. */
export function storedKey({ directory, live }: Context, { tenant, id }: KeyPlace): StoredKey {
  const configured = live.file.keys.get(id)
  const made = directory.entries.keys.get(id)
  if (configured?.tenant === tenant) return { source: 'configuration', key: configured }
  if (configured === undefined && made?.tenant === tenant) return { source: 'admin', key: made }
  throw new GatewayError('NoSuchEntity', 'Cannot find the key: the tenant has none with this id')
}

/**
 * A key of a tenant that may be changed. Throws `NoSuchEntity`, and `UnmodifiableEntity` for one of the
 * configuration file.
 */
export function changeableKey(context: Context, place: KeyPlace): KeyDocument {
  const found = storedKey(context, place)
  if (found.source === 'admin') return found.key
  throw new GatewayError(
    'UnmodifiableEntity',
    'Cannot change the key: the configuration file sets it, and wins',
  )
}

/** The version of a key's document; `undefined` for a key of the configuration file. */
export function keyVersion({ directory }: Context, { source, key }: StoredKey): number | undefined {
  if (source === 'configuration') return undefined
  return directory.document(documentName({ kind: 'key', key: key.id }))?.version
}
