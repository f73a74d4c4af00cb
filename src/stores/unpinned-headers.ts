import type { Capabilities } from './capabilities.ts'

/** Stored with the object by every store that was measured, signed or not. */
const ORDINARY = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'expires',
]

/** Stored by Ceph and by Swift. */
const ROBOTS = 'x-robots-tag'

/** How a store encrypts by its own keys. */
const ENCRYPTION_DETAILS = [
  'x-amz-server-side-encryption-aws-kms-key-id',
  'x-amz-server-side-encryption-bucket-key-enabled',
  'x-amz-server-side-encryption-context',
]

/** Kept besides by stores that refuse only what copies, opens or describes the object. */
const HARMLESS_TO_SOME = [
  'x-amz-object-lock-legal-hold',
  'x-amz-object-lock-mode',
  'x-amz-object-lock-retain-until-date',
  'x-amz-server-side-encryption',
  ...ENCRYPTION_DETAILS,
  // By a key of the holder's own: then nobody else can read the object, nor HEAD it.
  'x-amz-server-side-encryption-customer-*',
  'x-amz-storage-class',
  'x-amz-tagging',
  'x-amz-website-redirect-location',
]
const ACL = 'x-amz-acl'
const GRANTS = 'x-amz-grant-*'
const METADATA = 'x-amz-meta-*'
const COPY = 'x-amz-copy-source'

/**
 * Headers that whoever holds a signed PUT could add without breaking the signature, and that the
 * store would keep: lower-case names, sorted; `*` stands for any ending. What nobody has looked at
 * counts as kept. `signed` names what is signed besides the store's fixed headers: a signed header
 * cannot be changed, and a signed `x-amz-acl` keeps `x-amz-grant-*` out as well. A name stands for all
 * spellings by which the store knows it (`x-object-meta-*`, `x_amz_tagging`). In a form nothing can be
 * added: a policy names every field.
 */
export function unpinnedHeaders(
  capabilities: Capabilities,
  signed: Iterable<string> = [],
): readonly string[] {
  const added: string[] = []
  for (const name of signed) if (ADDABLE.has(name)) added.push(name)
  const key = added.join(' ')
  const known = ofStore.get(capabilities)?.get(key)
  if (known !== undefined) return known
  const found = findUnpinned(capabilities, added)
  const all = ofStore.get(capabilities) ?? new Map<string, readonly string[]>()
  if (all.size < MAX_KEPT) ofStore.set(capabilities, all.set(key, found))
  return found
}

/** Answers of a store, by the signed names that make a difference: nearly all uploads sign the same. */
const ofStore = new WeakMap<Capabilities, Map<string, readonly string[]>>()
const MAX_KEPT = 100
const ADDABLE: ReadonlySet<string> = new Set([
  ...ORDINARY,
  ...HARMLESS_TO_SOME,
  ...[ROBOTS, ACL, GRANTS, METADATA, COPY],
])

function findUnpinned(capabilities: Capabilities, signed: readonly string[]): readonly string[] {
  const pinned = new Set([...Object.keys(capabilities.fixedHeaders), ...signed])
  if (pinned.has(ACL)) pinned.add(GRANTS)
  if (capabilities.tagging === 'no') pinned.add('x-amz-tagging')
  if (capabilities.encryption === 'no') {
    for (const name of ['x-amz-server-side-encryption', ...ENCRYPTION_DETAILS]) pinned.add(name)
  }
  const all = [...ORDINARY, ...amzHeaders(capabilities), ROBOTS]
  return Object.freeze(all.filter((name) => !pinned.has(name)))
}

/** Those of `unpinnedHeaders` by which a store is told what to do: all `x-amz-*`. */
export function unpinnedAmzHeaders(
  capabilities: Capabilities,
  signed: Iterable<string> = [],
): readonly string[] {
  return unpinnedHeaders(capabilities, signed).filter((name) => name.startsWith('x-amz-'))
}

/**
 * The same of a part, which has no headers of its own: only the copy source, where the operator lets
 * an open hole stand (`allowReadableWriteCredential`).
 */
export function unpinnedPartHeaders({
  unsignedCopySource,
  writeCredentialReads,
}: Capabilities): string[] {
  return unsignedCopySource === 'closed' || writeCredentialReads === 'no' ? [] : [COPY]
}

function amzHeaders(capabilities: Capabilities): readonly string[] {
  const copy = unpinnedPartHeaders(capabilities)
  switch (capabilities.unsignedHeaders) {
    case 'reject':
      return copy
    case 'reject-some':
      return [...copy, ...HARMLESS_TO_SOME]
    case 'reject-meta':
      return [ACL, ...copy, GRANTS, ...HARMLESS_TO_SOME]
    case 'accept':
    case 'probe':
      return [ACL, ...copy, GRANTS, METADATA, ...HARMLESS_TO_SOME]
  }
}
