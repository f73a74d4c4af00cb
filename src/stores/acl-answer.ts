import { isElement, leafOf, parseXml } from './xml.ts'

/** Who an object is open to: its owner alone, or others as well; `unknown` where it cannot be told. */
export type AccessRules = 'private' | 'shared' | 'unknown'

/**
 * Reads the answer to GetObjectAcl: shared when anything is granted to a group, or to anybody but the
 * owner. `unknown` for anything that is no such answer.
 */
export function parseAclAnswer(xml: string): AccessRules {
  try {
    const policy = parseXml(xml).AccessControlPolicy
    if (!isElement(policy) || !isElement(policy.Owner)) return 'unknown'
    const owner = leafOf(policy.Owner, 'ID')
    // Without any grant the element is empty, and so it is text.
    const list = policy.AccessControlList === '' ? {} : policy.AccessControlList
    if (owner === undefined || !isElement(list)) return 'unknown'
    const grants = list.Grant ?? []
    if (!Array.isArray(grants)) return 'unknown'
    return grants.every((grant: unknown) => isOwners(grant, owner)) ? 'private' : 'shared'
  } catch {
    return 'unknown'
  }
}

function isOwners(grant: unknown, owner: string): boolean {
  const grantee = isElement(grant) ? grant.Grantee : undefined
  // A group has a URI, and a grant by address an EmailAddress: neither has an ID.
  return isElement(grantee) && leafOf(grantee, 'ID') === owner
}
