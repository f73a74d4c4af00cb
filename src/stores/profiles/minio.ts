import { defineProfile } from '../profile.ts'

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
})
