import { SignedUrl } from '../secret.ts'
import { assertSigned } from './post-sign.ts'
import type { Presigner, PresignRequest } from './presigner.ts'

/**
 * Signs and takes the last look. Without a promise where the driver needs none. Throws `InternalError`
 * when the signer returned anything but what was asked.
 */
export function signedUrlOf(
  presigner: Presigner,
  request: PresignRequest,
  lastLook: typeof assertSigned = assertSigned,
): SignedUrl | Promise<SignedUrl> {
  const signed = presigner.presign(request)
  if (!(signed instanceof SignedUrl)) {
    return signed.then((url) => {
      lastLook(request, url)
      return url
    })
  }
  lastLook(request, signed)
  return signed
}
