import type { Capabilities } from './capabilities.ts'

/** Stored with the object by every store that was measured, signed or not. */
const ORDINARY = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'expires',
]

/** Kept besides by stores that refuse only what copies, opens or describes the object. */
const HARMLESS_TO_SOME = [
  'x-amz-object-lock-mode',
  'x-amz-server-side-encryption',
  'x-amz-storage-class',
  'x-amz-tagging',
  'x-amz-website-redirect-location',
]
const ACCESS = ['x-amz-acl', 'x-amz-grant-*']
const METADATA = 'x-amz-meta-*'

/**
 * Headers that whoever holds a signed PUT could add without breaking the signature, and that the
 * store would keep: lower-case names, sorted; `*` stands for any ending. What nobody has looked at
 * counts as kept. `signed` names what is signed besides the store's fixed headers: a signed header
 * cannot be changed, and a signed `x-amz-acl` keeps `x-amz-grant-*` out as well. In a form and in a
 * part nothing can be added: a policy names every field, and a part has no headers of its own.
 */
export function unpinnedHeaders(
  capabilities: Capabilities,
  signed: Iterable<string> = [],
): string[] {
  const pinned = new Set([...Object.keys(capabilities.fixedHeaders), ...signed])
  if (pinned.has('x-amz-acl')) pinned.add('x-amz-grant-*')
  if (capabilities.tagging === 'no') pinned.add('x-amz-tagging')
  if (capabilities.encryption === 'no') pinned.add('x-amz-server-side-encryption')
  return [...ORDINARY, ...amzHeaders(capabilities)].filter((name) => !pinned.has(name))
}

/** Those of `unpinnedHeaders` by which a store is told what to do: all `x-amz-*`. */
export function unpinnedAmzHeaders(
  capabilities: Capabilities,
  signed: Iterable<string> = [],
): string[] {
  return unpinnedHeaders(capabilities, signed).filter((name) => name.startsWith('x-amz-'))
}

function amzHeaders({ unsignedHeaders }: Capabilities): readonly string[] {
  switch (unsignedHeaders) {
    case 'reject':
      return []
    case 'reject-some':
      return HARMLESS_TO_SOME
    case 'reject-meta':
      return [...ACCESS, ...HARMLESS_TO_SOME]
    case 'accept':
    case 'probe':
      return [...ACCESS, METADATA, ...HARMLESS_TO_SOME]
  }
}
