import type { Permission, Principal } from '../auth/principal.ts'
import { renderPrefix } from './key-space.ts'

/**
 * The rules of one user: `{tenant}` and `{user}` in their prefixes replaced by the same text as in
 * names of new objects, so that no id reaches another's key space. Once only: an id may itself look
 * like a variable.
 */
export function renderPermissions(
  permissions: readonly Permission[],
  owner: Pick<Principal, 'tenant' | 'user'>,
): readonly Permission[] {
  if (!permissions.some(({ prefix }) => prefix.includes('{'))) return permissions
  return permissions.map((permission) => ({
    ...permission,
    prefix: renderPrefix(permission.prefix, owner),
  }))
}
