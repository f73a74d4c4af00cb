import { ObjectKey } from '../../object-key.ts'
import type { EventTraits } from '../traits.ts'

/**
 * Keys that a record may mean, the likelier first (`providers.md` section 5.3): `form` is decoded
 * once; `raw` stands as it is, and where nobody knows whether the provider encodes, `unsure` adds the
 * decoded one; `path` has lost its bucket already. Only what the parser of request keys takes: an
 * empty list names nothing that the gateway could have signed.
 */
export function eventKeys(
  keyRaw: string,
  { keys, unsure }: { keys: EventTraits['keys']; unsure: boolean },
): readonly string[] {
  const decoded = keys === 'form' || unsure ? formDecoded(keyRaw) : undefined
  const candidates = keys === 'form' ? [decoded] : [keyRaw, decoded]
  return [...new Set(candidates)].filter((key) => key !== undefined).filter(isObjectKey)
}

/** `+` is a space, then percent-encoding once, strictly; `undefined` where it is malformed. */
function formDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}

function isObjectKey(text: string): boolean {
  try {
    ObjectKey.parse(text)
    return true
  } catch {
    return false
  }
}
