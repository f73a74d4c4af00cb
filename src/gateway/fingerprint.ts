import type { Principal } from '../auth/principal.ts'
import { type Hashing, toBase64Url } from '../hashing.ts'
import type { WantedUpload } from './plan-upload.ts'

const FINGERPRINT_BYTES = 16

/**
 * Fingerprint of what was asked and by whom: 22 base64url characters. Equal requests have equal
 * ones, whatever the order of their members.
 */
export function fingerprintOf(
  hashing: Hashing,
  principal: Principal,
  wanted: WantedUpload,
): string {
  const canonical = JSON.stringify([
    1,
    principal.tenant,
    principal.user,
    wanted.bucket,
    wanted.key ?? null,
    wanted.filename ?? null,
    wanted.sizeBytes,
    wanted.contentType,
    wanted.sha256 ?? null,
    sortedByName(wanted.metadata),
    wanted.mode,
    wanted.overwrite,
    wanted.expiresInSeconds ?? null,
    ...settingsOf(wanted),
  ])
  return toBase64Url(hashing.sha256(canonical).slice(0, FINGERPRINT_BYTES))
}

function sortedByName(texts: ReadonlyMap<string, string> | undefined): [string, string][] {
  if (texts === undefined || texts.size === 0) return []
  return [...texts].sort(([a], [b]) => (a < b ? -1 : 1))
}

/** Left out when there are none: requests of version 0.1.0 keep their fingerprints. */
function settingsOf(wanted: WantedUpload): unknown[] {
  const { atMost, partChecksums, md5, cacheControl, contentEncoding, disposition } = wanted
  const { storageClass, encryption, tags } = wanted
  const plain = [md5, cacheControl, contentEncoding, disposition, storageClass, encryption]
  const named = sortedByName(tags)
  const isUsual = plain.every((value) => value === undefined) && named.length === 0
  if (isUsual && atMost !== true && partChecksums !== true) return []
  return [atMost === true, partChecksums === true, plain.map((value) => value ?? null), named]
}
