import { usesVariable } from '../policy/key-template.ts'
import type { KeyRule, UploadRules } from './bucket.ts'
import type { Store } from './store.ts'

/**
 * Whether uploads can replace each other without anybody having said so: the bucket leaves write-once
 * open, the store was seen not to keep it, or is not expected to, and keys are not each of their own
 * (`providers.md` section 4). False while nobody knows.
 */
export function mayReplaceUnsaid(
  { keys, upload }: { readonly keys: KeyRule; readonly upload: Pick<UploadRules, 'writeOnce'> },
  { capabilities: { writeOnce } }: Store,
): boolean {
  if (upload.writeOnce !== undefined) return false
  if (writeOnce !== 'ignored' && writeOnce !== 'refused') return false
  return keys.kind === 'caller' || !usesVariable(keys.template, 'uuid')
}
