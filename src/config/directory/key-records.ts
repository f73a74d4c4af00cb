import type { KeyRecord } from '../../auth/key-record.ts'
import type { Config, Tenant } from '../config.ts'
import { buildDirectoryKey } from './build-directory-key.ts'
import type { DirectoryEntries } from './directory-entries.ts'
import type { DirectoryReport } from './directory-report.ts'
import type { KeyDocument } from './key-document.ts'

/** Where keys are put into force, and what they are held against. */
interface Known {
  readonly settings: { readonly config: Config }
  readonly tenants: ReadonlyMap<string, Tenant>
  readonly keys: Map<string, KeyRecord>
}

/** Records of the directory's keys. */
export interface KeyRecords {
  /** Puts a key into force as its document is now, or takes one out that is revoked or gone. */
  lookAt(id: string, known: Known): void
}

/**
 * Records of the keys of a directory. A key that is somebody's and cannot be in force still says whose it
 * is, so that its owner is told 403 and not that the key is none: whoever believes that throws it away.
 */
export function createKeyRecords(
  entries: Pick<DirectoryEntries, 'keys'>,
  report: DirectoryReport,
): KeyRecords {
  const made = new WeakMap<
    KeyDocument,
    { record: KeyRecord; allow: Tenant['allow']; names: object }
  >()
  const bucketNames = new WeakMap<Config['buckets'], ReadonlySet<string>>()

  function namesOf({ buckets }: Config): ReadonlySet<string> {
    const names = bucketNames.get(buckets) ?? new Set(buckets.keys())
    bucketNames.set(buckets, names)
    return names
  }

  function recordOf(document: KeyDocument, config: Config, { allow }: Tenant) {
    const names = namesOf(config)
    const last = made.get(document)
    // The same record again where nothing that it was made by has changed: nothing is verified anew.
    if (last !== undefined && last.allow === allow && last.names === names) return last.record
    const entity = { kind: 'key', key: document.id } as const
    const record = report.checked(entity, (part) =>
      buildDirectoryKey(document, {
        bucketNames: names,
        ceiling: allow,
        report: part,
        path: ['keys', document.id],
      }),
    )
    if (record !== undefined) made.set(document, { record, allow, names })
    return record
  }

  function lookAt(id: string, { settings: { config }, tenants, keys }: Known): void {
    const entity = { kind: 'key', key: id } as const
    const document = entries.keys.get(id)
    report.forget(entity)
    if (config.keys.has(id)) {
      if (document !== undefined && document.revokedAtMs === undefined) report.configured(entity)
      return
    }
    if (document === undefined || document.revokedAtMs !== undefined) {
      keys.delete(id)
      return
    }
    const tenant = tenants.get(document.tenant)
    if (tenant === undefined) report.unusable(entity, 'belongs to a tenant that is not there')
    else if (!tenant.users.has(document.user)) {
      report.unusable(entity, 'belongs to a user who is not there')
    } else {
      const record = recordOf(document, config, tenant)
      if (record !== undefined) {
        keys.set(id, record)
        return
      }
    }
    keys.set(id, outOfUse(document))
  }

  return { lookAt }
}

function outOfUse({ id, tenant, user, hashes, expiresAtMs }: KeyDocument): KeyRecord {
  return Object.freeze({
    id,
    tenant,
    user,
    hashes: hashes.map(({ hash, expiresAtMs: endsAtMs }) => ({
      hash,
      ...(endsAtMs !== undefined && { expiresAtMs: endsAtMs }),
    })),
    permissions: [],
    ...(expiresAtMs !== undefined && { expiresAtMs }),
    outOfUse: true,
    source: 'admin',
  })
}
