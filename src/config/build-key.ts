import { parseStoredHash } from '../auth/api-key.ts'
import type { KeyRecord } from '../auth/key-record.ts'
import type { Permission } from '../auth/principal.ts'
import { type RotatingSecret, secretOfVersion } from '../auth/rotating-secret.ts'
import { fixedPrefix } from '../policy/key-space.ts'
import { renderPermissions } from '../policy/render-permissions.ts'
import { buildPermissions } from './build-permission.ts'
import type { ConfiguredBucket } from './config.ts'
import { type Path, quote } from './problem.ts'
import type { Report } from './report.ts'
import type { KeyInput } from './schema-tenants.ts'

/** What a key is held against. */
export interface KeyScope {
  readonly buckets: ReadonlyMap<string, ConfiguredBucket>
  readonly bucketNames: ReadonlySet<string>
  readonly pepper: RotatingSecret | undefined
  /** The tenant's rules, their variables in them; absent: no bound. */
  readonly ceiling?: readonly Permission[] | undefined
  readonly report: Report
  readonly path: Path
}

/** The record of an API key. */
export function buildKey(tenant: string, input: KeyInput, scope: KeyScope): KeyRecord {
  const { id, user, hash } = input
  checkHash(hash, scope)
  const owner = { tenant, user }
  const at = { ...scope, path: [...scope.path, 'allow'] }
  const permissions = renderPermissions(buildPermissions(input.allow, at), owner)
  permissions.forEach((permission, index) => {
    warnIfUseless(permission, owner, { ...at, path: [...at.path, index] })
  })
  const ceiling = scope.ceiling && renderPermissions(scope.ceiling, owner)
  return {
    id,
    ...owner,
    hashes: [{ hash }],
    permissions,
    ...(ceiling !== undefined && { ceiling }),
    source: 'configuration',
  }
}

function checkHash(hash: string, { pepper, path, report }: KeyScope): void {
  const stored = parseStoredHash(hash)
  const at = [...path, 'hash']
  if (stored === undefined) {
    report.problem(at, 'must be a hash as "signet keys create" prints it: never a key')
  } else if (pepper !== undefined && secretOfVersion(pepper, stored.version) === undefined) {
    report.problem(
      at,
      `was made with pepper version ${stored.version}, which is not in secrets.pepper`,
    )
  }
}

// Legal, but every single upload would be a 403, which is hard to find out later.
function warnIfUseless(
  { operations, buckets, prefix }: Permission,
  owner: { tenant: string; user: string },
  { buckets: configured, path, report }: KeyScope,
): void {
  if (!operations.has('upload') && !operations.has('multipart')) return
  for (const name of buckets) {
    const keys = configured.get(name)?.keys
    if (keys === undefined) continue
    const begin = fixedPrefix(keys, owner)
    if (prefix.startsWith(begin) || begin.startsWith(prefix)) continue
    report.warn(
      [...path, 'prefix'],
      `never lets this user upload to ${quote(name)}, whose keys start with ${quote(begin)}`,
    )
  }
}
