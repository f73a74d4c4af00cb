import { Secret } from '../../src/secret.ts'
import type { PresignRequest } from '../../src/signing/presigner.ts'
import { EXAMPLE_CREDENTIAL } from '../stores/store-fixture.ts'
import { presignRequest } from './presign-fixture.ts'

/** A published or independently computed answer of Signature Version 4 in the query. */
export interface PresignVector {
  readonly name: string
  readonly request: PresignRequest
  readonly signature: string
}

/** `providers.md` section 6.3. The first is AWS's own; V1 to V4 come from two other implementations. */
export const PRESIGN_VECTORS: readonly PresignVector[] = [
  {
    name: "AWS's presigned GET of /test.txt",
    request: presignRequest({
      origin: 'https://examplebucket.s3.amazonaws.com',
      path: '/test.txt',
      expiresInSeconds: 86_400,
    }),
    signature: 'aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
  },
  {
    name: 'V1: an upload with every kind of signed header, and an odd key',
    request: presignRequest({
      method: 'PUT',
      path: '/bkt/a%20b%2Bc%25/caf%C3%A9%20%28%21%2A%27~%29.txt',
      headers: new Map([
        ['content-length', '5'],
        ['content-type', 'text/plain; charset=utf-8'],
        ['if-none-match', '*'],
        ['x-amz-meta-signet', 't1'],
      ]),
    }),
    signature: 'f8883fbbb93ddb45d2b717481803ea403129cc496856b633f24c762cddf7c5a3',
  },
  {
    name: 'V2: a part, on a port of its own',
    request: presignRequest({
      method: 'PUT',
      origin: 'https://127.0.0.1:9000',
      path: '/bkt/d/e',
      query: new Map([
        ['partNumber', '7'],
        ['uploadId', 'VXBsb2FkIElE/+='],
      ]),
      headers: new Map([['content-length', '8388608']]),
    }),
    signature: '5cbc83695c7bfd71a49fd8b6562c907549f578cd1435e84ffd43194c6f539894',
  },
  {
    name: 'V3: a download with a session token and a disposition, virtual-hosted',
    request: presignRequest({
      origin: 'https://bkt.acct.r2.cloudflarestorage.com',
      path: '/x//y',
      region: 'auto',
      credential: { ...EXAMPLE_CREDENTIAL, sessionToken: new Secret('AB+/cd==') },
      query: new Map([
        [
          'response-content-disposition',
          `attachment; filename="a b.txt"; filename*=UTF-8''a%20b%2B.txt`,
        ],
      ]),
    }),
    signature: 'fd4e59bf104f3e9daf21c3114ac60b15bca785779f65ab4b1821f05b32ab58fc',
  },
  {
    name: 'V4: an empty upload with a checksum, one second long, a second before midnight',
    request: presignRequest({
      method: 'PUT',
      region: 'garage',
      signedAtMs: Date.UTC(2024, 1, 29, 23, 59, 59),
      expiresInSeconds: 1,
      headers: new Map([
        ['content-length', '0'],
        ['content-type', 'application/octet-stream'],
        ['x-amz-checksum-sha256', '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='],
      ]),
    }),
    signature: '71a8ad498c3cbf99e32e444a796fb212415a4b0bfd638058d2be0eade0d1ad87',
  },
]
