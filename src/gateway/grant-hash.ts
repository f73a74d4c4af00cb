import type { Hashing } from '../hashing.ts'
import type { Grant } from '../signing/grant.ts'
import type { PartGrant } from '../signing/part-grants.ts'
import type { UploadGrant } from './upload-grant.ts'

const HEX_DIGITS = 16
const SIGNATURE = 'X-Amz-Signature='

/**
 * What tells a grant in the audit log from others, so that one that turns up somewhere is recognised by
 * who finds it: the first 16 hex digits of the SHA-256 of its URL. Nothing can be done with it.
 */
export function urlHash(hashing: Hashing, { url }: Grant): string {
  return shortHash(hashing, url.reveal())
}

/** The same of part URLs that are signed at once: of their signatures, one after the other. */
export function partsHash(hashing: Hashing, parts: readonly PartGrant[]): string {
  // Ten thousand whole URLs would cost as much as a tenth of signing them.
  return shortHash(hashing, parts.map(({ request }) => signatureOf(request)).join(''))
}

/** The same of whatever was signed for an upload: of a form, of its policy; nothing where nothing was. */
export function uploadGrantHash(hashing: Hashing, grant: UploadGrant): string | undefined {
  switch (grant.form) {
    case 'put':
      return urlHash(hashing, grant.request)
    case 'post':
      return shortHash(hashing, grant.post.fields.reveal().policy ?? '')
    case 'multipart':
      return grant.parts.length === 0 ? undefined : partsHash(hashing, grant.parts)
  }
}

function shortHash(hashing: Hashing, text: string): string {
  return hashing.sha256Hex(text).slice(0, HEX_DIGITS)
}

function signatureOf({ url }: Grant): string {
  const text = url.reveal()
  return text.slice(text.lastIndexOf(SIGNATURE) + SIGNATURE.length)
}
