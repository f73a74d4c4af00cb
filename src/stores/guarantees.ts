import type { Capabilities } from './capabilities.ts'
import type { GrantForm } from './choose-form.ts'
import { unpinnedHeaders, unpinnedPartHeaders } from './unpinned-headers.ts'

/** What a grant promises about the object, as a client reads it (`api.md`, Uploads). */
export interface Guarantees {
  /** `exact`: the size that was asked for; `max`: an upper bound only. */
  readonly size: 'exact' | 'max'
  /** The object's type is the one that was asked for. */
  readonly contentType: boolean
  /** An object that exists already is not replaced. */
  readonly writeOnce: boolean
  /** The store refuses other bytes than those of the digest given: of the whole, SHA-256 also of each part. */
  readonly checksum: 'none' | 'md5' | 'sha256'
  /** Headers that a holder of the grant could add and the store would keep; see `unpinnedHeaders`. */
  readonly unpinnedHeaders: readonly string[]
}

/** What was asked for that a store may or may not keep. */
export interface AskedGuarantees {
  readonly form: GrantForm
  /** Whether the size is known, and not only an upper bound of a form. */
  readonly exactSize: boolean
  readonly writeOnce: boolean
  /** Whether the caller gave a SHA-256: of the whole for a PUT, of every part for parts. */
  readonly sha256: boolean
  /** Whether the caller gave an MD5 of the whole. */
  readonly md5: boolean
  /** Lower-case names of headers that a PUT signs besides the store's fixed ones. Default: none. */
  readonly signed?: Iterable<string>
}

/** What a grant guarantees: of what was asked, only what the store was seen to keep in this form. */
export function guaranteesOf(capabilities: Capabilities, asked: AskedGuarantees): Guarantees {
  switch (asked.form) {
    case 'put':
      return {
        size: asked.exactSize && capabilities.signedLength === 'yes' ? 'exact' : 'max',
        contentType: capabilities.signedType === 'yes',
        writeOnce: asked.writeOnce && capabilities.writeOnce === 'if-none-match',
        checksum: checksumOf(capabilities, asked),
        unpinnedHeaders: unpinnedHeaders(capabilities, asked.signed),
      }
    case 'post': {
      // A policy cannot hold a condition on what is there already, nor a digest of the file.
      const isKept = capabilities.postPolicy === 'yes'
      return {
        size: asked.exactSize && isKept ? 'exact' : 'max',
        contentType: isKept,
        writeOnce: false,
        checksum: 'none',
        unpinnedHeaders: isKept ? [] : unpinnedHeaders(capabilities, asked.signed),
      }
    }
    case 'multipart': {
      // The gateway creates the upload, with its type, and completes it, with its condition.
      const bindsParts = capabilities.multipart === 'yes' && capabilities.signedLength === 'yes'
      return {
        size: asked.exactSize && bindsParts ? 'exact' : 'max',
        contentType: true,
        writeOnce: asked.writeOnce && capabilities.writeOnceMultipart === 'yes',
        checksum: asked.sha256 && bindsContent(capabilities) ? 'sha256' : 'none',
        unpinnedHeaders: unpinnedPartHeaders(capabilities),
      }
    }
  }
}

/** The stronger of what was given and is checked. */
function checksumOf(
  capabilities: Capabilities,
  asked: Pick<AskedGuarantees, 'sha256' | 'md5'>,
): Guarantees['checksum'] {
  if (asked.sha256 && bindsContent(capabilities)) return 'sha256'
  return asked.md5 && capabilities.contentMd5 === 'yes' ? 'md5' : 'none'
}

/** Whether a SHA-256 can be bound, by checksum header or by payload hash. */
export function bindsContent(capabilities: Capabilities): boolean {
  return capabilities.checksumSha256 === 'yes' || capabilities.payloadHash === 'yes'
}
