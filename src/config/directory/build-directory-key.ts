import type { KeyRecord } from '../../auth/key-record.ts'
import type { Permission } from '../../auth/principal.ts'
import { renderPermissions } from '../../policy/render-permissions.ts'
import { buildPermissions } from '../build-permission.ts'
import type { Path } from '../problem.ts'
import type { Report } from '../report.ts'
import type { KeyDocument } from './key-document.ts'
import { reachableRules } from './reachable-rules.ts'

/** What a key of the directory is held against. */
export interface DirectoryKeyScope {
  readonly bucketNames: ReadonlySet<string>
  /** The tenant's rules, with variables in their prefixes; absent: no bound. */
  readonly ceiling?: readonly Permission[] | undefined
  readonly report: Report
  /** Of the key. */
  readonly path: Path
}

/**
 * The record of a key of the directory, for authentication; `undefined` for one that is revoked. What is
 * wrong with its rules goes to the report, as for a key of the configuration. A bucket that has been taken
 * out of the configuration since is no fault of the key: it just cannot be reached.
 */
export function buildDirectoryKey(
  document: KeyDocument,
  { ceiling, ...scope }: DirectoryKeyScope,
): KeyRecord | undefined {
  const { id, tenant, user, label, hashes, expiresAtMs, revokedAtMs } = document
  if (revokedAtMs !== undefined) return undefined
  const owner = { tenant, user }
  const at = { ...scope, path: [...scope.path, 'allow'] }
  return {
    id,
    tenant,
    user,
    hashes: hashes.map((secret) => ({
      hash: secret.hash,
      ...(secret.expiresAtMs !== undefined && { expiresAtMs: secret.expiresAtMs }),
    })),
    permissions: renderPermissions(
      buildPermissions(reachableRules(document.allow, at.bucketNames), at),
      owner,
    ),
    ...(ceiling !== undefined && { ceiling: renderPermissions(ceiling, owner) }),
    ...(label !== undefined && { label }),
    ...(expiresAtMs !== undefined && { expiresAtMs }),
    source: 'admin',
  }
}
