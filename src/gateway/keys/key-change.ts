import { type AdminChange, resourceOf } from '../audited-change.ts'
import type { AdminRequest } from '../directory-admin/admin-request.ts'

/** What the audit log says of a change of a key. */
export function keyChange(
  action: string,
  { tenant, id, user }: { readonly tenant: string; readonly id: string; readonly user: string },
  { admin, requestId }: Pick<AdminRequest, 'admin' | 'requestId'>,
): AdminChange {
  return {
    admin,
    requestId,
    action,
    resource: resourceOf('tenants', tenant, 'keys', id),
    tenant,
    user,
    keyId: id,
  }
}
