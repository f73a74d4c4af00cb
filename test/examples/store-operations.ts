/** What one request does at a store, by the name that S3's API gives it. */
export type StoreOperation = keyof typeof S3_ACTIONS

/** Actions of a policy that allow it (Service Authorization Reference, Actions defined by Amazon S3). */
export const S3_ACTIONS = {
  PutObject: 's3:PutObject',
  PostObject: 's3:PutObject',
  UploadPart: 's3:PutObject',
  CreateMultipartUpload: 's3:PutObject',
  CompleteMultipartUpload: 's3:PutObject',
  AbortMultipartUpload: 's3:AbortMultipartUpload',
  ListParts: 's3:ListMultipartUploadParts',
  ListMultipartUploads: 's3:ListBucketMultipartUploads',
  GetObject: 's3:GetObject',
  HeadObject: 's3:GetObject',
  GetObjectAcl: 's3:GetObjectAcl',
  GetObjectTagging: 's3:GetObjectTagging',
  DeleteObject: 's3:DeleteObject',
  HeadBucket: 's3:ListBucket',
  ListObjects: 's3:ListBucket',
  GetBucketCors: 's3:GetBucketCORS',
  PutBucketCors: 's3:PutBucketCORS',
  GetObjectVersion: 's3:GetObjectVersion',
  DeleteObjectVersion: 's3:DeleteObjectVersion',
  ListObjectVersions: 's3:ListBucketVersions',
} as const

/** What a store without S3's policies calls the right to do it; `null`: there is no such thing there. */
export type Vocabulary = Readonly<Partial<Record<StoreOperation, readonly string[] | null>>>

/** Google's permissions (Cloud Storage, IAM permissions for XML requests); CORS is set past its XML API. */
export const GCS: Vocabulary = {
  PutObject: ['storage.objects.create'],
  PostObject: ['storage.objects.create'],
  UploadPart: ['storage.multipartUploads.create', 'storage.objects.create'],
  CreateMultipartUpload: ['storage.multipartUploads.create', 'storage.objects.create'],
  CompleteMultipartUpload: ['storage.multipartUploads.create', 'storage.objects.create'],
  AbortMultipartUpload: ['storage.multipartUploads.abort'],
  ListParts: ['storage.multipartUploads.listParts'],
  ListMultipartUploads: ['storage.multipartUploads.list'],
  GetObject: ['storage.objects.get'],
  HeadObject: ['storage.objects.get'],
  GetObjectAcl: null, // uniform bucket-level access
  GetObjectTagging: null,
  DeleteObject: ['storage.objects.delete'],
  HeadBucket: ['storage.buckets.get'],
  ListObjects: ['storage.objects.list'],
  GetBucketCors: null,
  PutBucketCors: null,
}

/** Capabilities of Backblaze's application keys; CORS is set past a key of one bucket. */
export const B2: Vocabulary = {
  PutObject: ['writeFiles'],
  PostObject: null,
  UploadPart: ['writeFiles'],
  CreateMultipartUpload: ['writeFiles'],
  CompleteMultipartUpload: ['writeFiles'],
  AbortMultipartUpload: ['writeFiles'],
  ListParts: ['listFiles'],
  ListMultipartUploads: ['listFiles'],
  GetObject: ['readFiles'],
  HeadObject: ['readFiles'],
  GetObjectAcl: null,
  GetObjectTagging: null,
  DeleteObject: ['writeFiles', 'deleteFiles'],
  HeadBucket: ['listBuckets'],
  ListObjects: ['listFiles'],
  GetBucketCors: null,
  PutBucketCors: null,
}

/** Actions of SeaweedFS' identities (weed/s3api, its router). */
export const SEAWEEDFS: Vocabulary = {
  PutObject: ['Write'],
  PostObject: ['Write'],
  UploadPart: ['Write'],
  CreateMultipartUpload: ['Write'],
  CompleteMultipartUpload: ['Write'],
  AbortMultipartUpload: ['Write'],
  ListParts: ['Read'],
  ListMultipartUploads: ['Read'],
  GetObject: ['Read'],
  HeadObject: ['Read'],
  GetObjectAcl: ['Read'],
  GetObjectTagging: ['Read'],
  DeleteObject: ['Write'],
  HeadBucket: ['Read'],
  ListObjects: ['List'],
  GetBucketCors: ['Admin'],
  PutBucketCors: ['Admin'],
}

/** Permissions of Garage's keys on a bucket. */
export const GARAGE: Vocabulary = {
  PutObject: ['write'],
  PostObject: ['write'],
  UploadPart: ['write'],
  CreateMultipartUpload: ['write'],
  CompleteMultipartUpload: ['write'],
  AbortMultipartUpload: ['write'],
  ListParts: ['read'],
  ListMultipartUploads: ['read'],
  GetObject: ['read'],
  HeadObject: ['read'],
  GetObjectAcl: null,
  GetObjectTagging: null,
  DeleteObject: ['write'],
  HeadBucket: ['read'],
  ListObjects: ['read'],
  GetBucketCors: ['owner'],
  PutBucketCors: ['owner'],
}

/** What a request does; path style. Throws for one that no call of ours should be. */
export function operationOf(method: string, url: string): StoreOperation {
  const { pathname, searchParams } = new URL(url)
  const isObject = /^\/[^/]+\/./.test(pathname)
  const asks = (name: string) => searchParams.has(name)
  const found = isObject ? ofObject(method, asks) : ofBucket(method, asks)
  if (found === undefined) throw new Error(`no operation known: ${method} ${pathname}`)
  return found
}

type Asks = (name: string) => boolean

function ofBucket(method: string, asks: Asks): StoreOperation | undefined {
  if (method === 'HEAD') return 'HeadBucket'
  if (method === 'POST') return 'PostObject'
  if (method === 'PUT') return asks('cors') ? 'PutBucketCors' : undefined
  if (method !== 'GET') return undefined
  if (asks('cors')) return 'GetBucketCors'
  if (asks('uploads')) return 'ListMultipartUploads'
  return asks('versions') ? 'ListObjectVersions' : 'ListObjects'
}

function ofObject(method: string, asks: Asks): StoreOperation | undefined {
  switch (method) {
    case 'HEAD':
      return asks('versionId') ? 'GetObjectVersion' : 'HeadObject'
    case 'GET':
      if (asks('acl')) return 'GetObjectAcl'
      if (asks('tagging')) return 'GetObjectTagging'
      if (asks('uploadId')) return 'ListParts'
      return asks('versionId') ? 'GetObjectVersion' : 'GetObject'
    case 'PUT':
      return asks('uploadId') ? 'UploadPart' : 'PutObject'
    case 'POST':
      return asks('uploads') ? 'CreateMultipartUpload' : 'CompleteMultipartUpload'
    case 'DELETE':
      if (asks('uploadId')) return 'AbortMultipartUpload'
      return asks('versionId') ? 'DeleteObjectVersion' : 'DeleteObject'
    default:
      return undefined
  }
}
