import { loadPeer } from './peers.ts'
import { type PutToSign, SIGNED_HEADERS, STORE } from './presign-request.ts'

/** Signs one PUT; the finished URL. */
export type Sign = (request: PutToSign) => string | Promise<string>

interface Aws4 {
  sign(
    request: {
      service: string
      region: string
      method: string
      host: string
      path: string
      headers: Record<string, string>
      signQuery: boolean
    },
    credentials: { accessKeyId: string; secretAccessKey: string },
  ): { path: string }
}

interface Minio {
  Client: new (options: {
    endPoint: string
    useSSL: boolean
    region: string
    accessKey: string
    secretKey: string
  }) => { presignedPutObject(bucket: string, key: string, expires: number): Promise<string> }
}

interface PutObjectInput {
  Bucket: string
  Key: string
  ContentLength: number
  ContentType: string
  IfNoneMatch: string
  Metadata: Record<string, string>
}

interface AwsS3 {
  S3Client: new (options: {
    region: string
    endpoint: string
    forcePathStyle: boolean
    credentials: { accessKeyId: string; secretAccessKey: string }
    requestChecksumCalculation: 'WHEN_REQUIRED'
  }) => object
  PutObjectCommand: new (input: PutObjectInput) => object
}

interface AwsPresigner {
  getSignedUrl(
    client: object,
    command: object,
    options: {
      expiresIn: number
      signableHeaders: Set<string>
      unhoistableHeaders: Set<string>
    },
  ): Promise<string>
}

/** The peers by figure name, each set up once and used the way its documentation shows. */
export function openPeerSigners(): ReadonlyMap<string, Sign> {
  return new Map([
    ['presign.aws4', openAws4()],
    ['presign.minio', openMinio()],
    ['presign.aws-sdk', openAwsSdk()],
  ])
}

function openAws4(): Sign {
  const aws4 = loadPeer<Aws4>('aws4')
  const { region, host, accessKeyId, secretAccessKey } = STORE
  return ({ key, headers, expiresInSeconds }) => {
    const { path } = aws4.sign(
      {
        service: 's3',
        region,
        method: 'PUT',
        host,
        path: `/${STORE.bucket}/${key}?X-Amz-Expires=${expiresInSeconds}`,
        headers: Object.fromEntries(headers),
        signQuery: true,
      },
      { accessKeyId, secretAccessKey },
    )
    return `${STORE.origin}${path}`
  }
}

function openMinio(): Sign {
  const { Client } = loadPeer<Minio>('minio')
  const client = new Client({
    endPoint: STORE.host,
    useSSL: true,
    region: STORE.region,
    accessKey: STORE.accessKeyId,
    secretKey: STORE.secretAccessKey,
  })
  return ({ key, expiresInSeconds }) =>
    client.presignedPutObject(STORE.bucket, key, expiresInSeconds)
}

function openAwsSdk(): Sign {
  const { S3Client, PutObjectCommand } = loadPeer<AwsS3>('@aws-sdk/client-s3')
  const { getSignedUrl } = loadPeer<AwsPresigner>('@aws-sdk/s3-request-presigner')
  const { accessKeyId, secretAccessKey } = STORE
  const client = new S3Client({
    region: STORE.region,
    endpoint: STORE.origin,
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
    // Otherwise the URL carries the checksum of an empty body, and stores refuse the real one.
    requestChecksumCalculation: 'WHEN_REQUIRED',
  })
  const signableHeaders = new Set(['host', ...SIGNED_HEADERS.keys()])
  const unhoistableHeaders = new Set(SIGNED_HEADERS.keys())
  return ({ key, headers, expiresInSeconds }) =>
    getSignedUrl(
      client,
      new PutObjectCommand({
        Bucket: STORE.bucket,
        Key: key,
        ContentLength: Number(headers.get('content-length')),
        ContentType: headers.get('content-type') ?? '',
        IfNoneMatch: headers.get('if-none-match') ?? '',
        Metadata: { signet: headers.get('x-amz-meta-signet') ?? '' },
      }),
      { expiresIn: expiresInSeconds, signableHeaders, unhoistableHeaders },
    )
}
