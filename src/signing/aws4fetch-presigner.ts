import { GatewayError } from '../errors.ts'
import { toHex } from '../hashing.ts'
import { lazily } from '../lazily.ts'
import { encodeSegment } from '../object-key.ts'
import { SignedUrl } from '../secret.ts'
import { toAmzDate } from '../stores/amz-date.ts'
import { createSigningKeys } from '../stores/signing-keys.ts'
import type { Presigner, PresignRequest } from './presigner.ts'
import { credentialScope } from './scope.ts'

// Where the runtime hashes by itself, nobody asks for it.
const aws4fetch = lazily(() => import('aws4fetch'))

/**
 * Signs with aws4fetch on WebCrypto, so on every runtime. The final URL is put together from the
 * signer's encoded parts: `URL` would write spaces as `+` and leave `*` bare. Signing keys are kept
 * per credential and for one UTC day, and go with the credential.
 */
export function createAws4fetchPresigner(): Presigner {
  const signingKeysOf = createSigningKeys()
  return {
    async presign(request) {
      const datetime = toAmzDate(request.signedAtMs)
      const { accessKeyId, secretAccessKey, sessionToken } = request.credential
      const { AwsV4Signer } = await aws4fetch()
      const signer = new AwsV4Signer({
        method: request.method,
        url: unsignedUrl(request),
        headers: [...request.headers],
        accessKeyId,
        secretAccessKey: secretAccessKey.reveal(),
        ...(sessionToken !== undefined && { sessionToken: sessionToken.reveal() }),
        service: 's3',
        region: request.region,
        datetime,
        signQuery: true,
        allHeaders: true,
        cache: signingKeysOf(request.credential, datetime.slice(0, 8)),
      })
      // `URL` has resolved what it took for dot segments: then another object would be signed.
      if (signer.encodedPath !== request.path) {
        throw new GatewayError('InternalError', 'Cannot sign: the path changed on the way')
      }
      const signature = await signer.signature()
      return new SignedUrl(
        `${request.origin}${request.path}?${signer.encodedSearch}&X-Amz-Signature=${signature}`,
      )
    },
    async signPolicy(policy, signer) {
      let key: ArrayBuffer = utf8(`AWS4${signer.credential.secretAccessKey.reveal()}`)
      for (const part of credentialScope(signer).split('/')) key = await hmac(key, part)
      return toHex(new Uint8Array(await hmac(key, policy)))
    },
  }
}

// aws4fetch has no POST policies; its cache of derived keys is not for others to read.
async function hmac(key: ArrayBuffer, text: string): Promise<ArrayBuffer> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const imported = await crypto.subtle.importKey('raw', key, algorithm, false, ['sign'])
  return crypto.subtle.sign('HMAC', imported, utf8(text))
}

function utf8(text: string): ArrayBuffer {
  return new TextEncoder().encode(text).buffer
}

// The expiry has to be there on the way in: aws4fetch fills in 86,400 otherwise.
function unsignedUrl({ origin, path, query, expiresInSeconds }: PresignRequest): string {
  const pairs = [`X-Amz-Expires=${expiresInSeconds}`]
  for (const [name, value] of query) pairs.push(`${encodeSegment(name)}=${encodeSegment(value)}`)
  return `${origin}${path}?${pairs.join('&')}`
}
