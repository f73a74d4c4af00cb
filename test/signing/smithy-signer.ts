import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto'
import { HttpRequest } from '@smithy/core/protocols'
import { SignatureV4 } from '@smithy/signature-v4'
import type { SourceData } from '@smithy/types'
import type { PresignRequest } from '../../src/signing/presigner.ts'
import { encodedPairs } from './presign-fixture.ts'

/** SHA-256 as Smithy wants it; with a secret, HMAC by it. */
class Sha256 {
  readonly #hash: Hash | Hmac

  constructor(secret?: SourceData) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', keyOf(secret))
  }

  update(data: Uint8Array): void {
    this.#hash.update(data)
  }

  async digest(): Promise<Uint8Array> {
    return new Uint8Array(this.#hash.digest())
  }

  reset(): void {
    throw new Error('Cannot start anew: nobody does')
  }
}

function keyOf(secret: SourceData): string | Uint8Array {
  if (typeof secret === 'string') return secret
  if (!ArrayBuffer.isView(secret)) return new Uint8Array(secret)
  return new Uint8Array(secret.buffer, secret.byteOffset, secret.byteLength)
}

/**
 * The query that the AWS SDK's own signer makes of a request: its pairs, encoded and sorted, with the
 * signature among them. All headers are signed as headers, as ours are.
 */
export async function smithyQuery(request: PresignRequest): Promise<readonly string[]> {
  const { origin, path, headers, credential } = request
  const { protocol, hostname, host } = new URL(origin)
  const signer = new SignatureV4({
    service: 's3',
    region: request.region,
    credentials: {
      accessKeyId: credential.accessKeyId,
      secretAccessKey: credential.secretAccessKey.reveal(),
      ...(credential.sessionToken !== undefined && {
        sessionToken: credential.sessionToken.reveal(),
      }),
    },
    sha256: Sha256,
    // What S3 wants: paths are encoded once, and the content is not looked at.
    uriEscapePath: false,
    applyChecksum: false,
  })
  const names = new Set(headers.keys())
  const signed = await signer.presign(
    new HttpRequest({
      method: request.method,
      protocol,
      hostname,
      path,
      query: Object.fromEntries(request.query),
      headers: { host, ...Object.fromEntries(headers) },
      // Neither text nor bytes: then the payload is unsigned.
      body: {},
    }),
    {
      signingDate: new Date(Math.floor(request.signedAtMs / 1000) * 1000),
      expiresIn: request.expiresInSeconds,
      unhoistableHeaders: names,
      signableHeaders: new Set(['host', ...names]),
    },
  )
  return encodedPairs(Object.entries(signed.query ?? {}).map(([name, value]) => [name, `${value}`]))
}
