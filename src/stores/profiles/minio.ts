import { defineProfile } from '../profile.ts'
import { ALL_CHECKSUMS } from '../traits.ts'

/** MinIO, last upstream state: the repository is archived, and so its copy hole stays. */
export const minio = defineProfile({
  addressing: ['path'], // s: virtual needs MINIO_DOMAIN
  region: 'config', // s: checked when the server has one
  capabilities: {
    signedLength: 'yes', // s, r
    signedType: 'yes', // s, r
    unsignedCopySource: 'open', // s: CVE-2026-54330, no fix upstream
    unsignedHeaders: 'reject-meta', // s: only unsigned x-amz-meta-* are refused, 400
    writeOnce: 'if-none-match', // s: under a lock
    ifMatch: 'quoted', // s: a missing key is 404
    checksumSha256: 'yes', // s
    payloadHash: 'yes', // s
    responseOverrides: 'yes', // s
    postPolicy: 'yes', // s: every field must be named
    multipart: 'yes', // s
    writeOnceMultipart: 'yes', // s
    tagging: 'yes', // s
  },
  traits: {
    regionChecked: 'yes', // s: when the server has one
    futureSkewSeconds: 900, // s
    checksums: ALL_CHECKSUMS, // s
    corsApi: 'no', // s: server-wide, MINIO_API_CORS_ALLOW_ORIGIN
    abortRule: 'no', // s: api stale_uploads_expiry
    customDomain: 'yes', // s: if the proxy keeps Host
    sessionToken: 'sts', // s
    events: { shape: 'minio', auth: 'bearer', keys: 'form', etag: true, size: 'unless-zero' }, // s
  },
})
