import type { Call } from './call.ts'
import type { Lie } from './lies.ts'
import { accessDenied } from './s3-error.ts'

/** The lie that lets a header through although nobody signed it; the first that fits. */
const FORGIVING: readonly (readonly [RegExp, Lie])[] = [
  [/^x-amz-meta-/, 'unsignedMetadata'],
  [/^x-amz-(?:acl|grant-.*)$/, 'unsignedAcl'],
  [/^x-amz-tagging$/, 'unsignedTagging'],
  [/^x-amz-storage-class$/, 'unsignedStorageClass'],
  [/^x-amz-website-redirect-location$/, 'unsignedRedirect'],
  [/^x-amz-object-lock-/, 'unsignedLock'],
]

/**
 * Refuses what AWS refuses: `x-amz-*` that is sent and not signed (403 AccessDenied, "There were
 * headers present in the request which were not signed").
 */
export function refuseUnsigned(call: Call): void {
  for (const name of Object.keys(call.received.headers)) {
    if (!name.startsWith('x-amz-') || call.signed.has(name)) continue
    call.refuse(
      accessDenied('There were headers present in the request which were not signed'),
      ...forgiving(call, name),
    )
  }
}

function forgiving(call: Call, name: string): readonly Lie[] {
  if (name.startsWith('x-amz-copy-source')) {
    return [call.query('partNumber') === undefined ? 'copyOnPut' : 'copyOnPart']
  }
  return [FORGIVING.find(([pattern]) => pattern.test(name))?.[1] ?? 'unsignedOthers']
}

/** Whether a header counts: it is signed, or the request is let off and the store keeps it. */
export function counts(call: Call, name: string): boolean {
  if (call.header(name) === undefined) return false
  const { signed } = call
  if (signed.has(name) || !name.startsWith('x-amz-') || signed.size === 0) return true
  return !call.lies('unsignedDropped')
}
