import type { Tenant } from '../../config/config.ts'
import { GatewayError } from '../../errors.ts'
import type { GatewayContext } from '../context.ts'
import { openCursor, sealCursor } from '../cursor.ts'
import { uploadsOfUser } from '../list-uploads.ts'
import type { UploadStatus, UploadView } from '../upload-view.ts'

/** Which uploads an operator wants to see. */
export interface AllUploadsRequest {
  /** Default: of every tenant. */
  readonly tenant?: string | undefined
  /** Only with `tenant`. Default: of every user. */
  readonly user?: string | undefined
  readonly status: UploadStatus
  /** 1 to 1,000. */
  readonly limit: number
  readonly cursor?: string | undefined
}

export interface OwnedUpload extends UploadView {
  readonly tenant: string
  readonly user: string
}

/** Users that one page asks the ledger about: most have no upload of the status. */
const MAX_LOOKS = 100

/** Where a page ended: at an upload of a user, or, without `after`, behind all of its uploads. */
interface Position {
  readonly tenant: string
  readonly user: string
  readonly after?: string
}

/**
 * Uploads of all users, of one tenant or of one user, in the order of tenants, users and ids. A page may
 * be short, or empty, and not the last: `MAX_LOOKS`. Throws `NoSuchEntity` for a tenant or user that there
 * is none of, `InvalidRequest` for a bad cursor.
 */
export async function listAllUploads(
  context: GatewayContext,
  { tenant, user, status, limit, cursor }: AllUploadsRequest,
): Promise<{ readonly uploads: readonly OwnedUpload[]; readonly nextCursor?: string }> {
  const { tenants } = context.config
  if (tenant !== undefined) assertKnown(tenants, tenant, user)
  const scope = ['admin', 'uploads', JSON.stringify([tenant ?? null, user ?? null]), status]
  const seal = (at: Position) => sealCursor(context, scope, JSON.stringify(at))
  let position =
    cursor === undefined ? undefined : (JSON.parse(openCursor(context, scope, cursor)) as Position)
  const uploads: OwnedUpload[] = []
  let room = limit
  let looks = 0
  for (const owner of ownersFrom(tenants, { tenant, user }, position)) {
    if (position !== undefined && (room === 0 || looks === MAX_LOOKS)) {
      return { uploads, nextCursor: seal(position) }
    }
    looks += 1
    const found = await uploadsOfUser(context, { ...owner, status, limit: room })
    uploads.push(...found.uploads.map((upload) => ({ ...who(owner), ...upload })))
    room -= found.looked
    position = { ...who(owner), ...(found.last !== undefined && { after: found.last }) }
    if (found.last !== undefined) return { uploads, nextCursor: seal(position) }
  }
  return { uploads }
}

function who({ tenant, user }: Position): { tenant: string; user: string } {
  return { tenant, user }
}

/** Whose uploads come from a position on; the first may have some that were shown. */
function* ownersFrom(
  tenants: ReadonlyMap<string, Tenant>,
  only: { readonly tenant: string | undefined; readonly user: string | undefined },
  position: Position | undefined,
): Generator<Position> {
  const { tenant: from = '', user: fromUser = '', after } = position ?? {}
  for (const tenant of only.tenant === undefined ? sorted(tenants.keys()) : [only.tenant]) {
    if (tenant < from) continue
    const users = tenants.get(tenant)?.users.keys() ?? []
    for (const user of only.user === undefined ? sorted(users) : [only.user]) {
      const isFirst = tenant === from && user === fromUser
      if (isFirst && after !== undefined) yield { tenant, user, after }
      else if (tenant > from || user > fromUser) yield { tenant, user }
    }
  }
}

function sorted(names: Iterable<string>): string[] {
  return [...names].sort((one, other) => (one < other ? -1 : 1))
}

function assertKnown(
  tenants: ReadonlyMap<string, Tenant>,
  tenant: string,
  user: string | undefined,
): void {
  const found = tenants.get(tenant)
  if (found === undefined) {
    throw new GatewayError('NoSuchEntity', 'Cannot list uploads: there is no such tenant')
  }
  if (user !== undefined && !found.users.has(user)) {
    throw new GatewayError('NoSuchEntity', 'Cannot list uploads: the tenant has no such user')
  }
}
