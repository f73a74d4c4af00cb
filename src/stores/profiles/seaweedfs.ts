import { defineProfile } from '../profile.ts'
import { ALL_CHECKSUMS } from '../traits.ts'

/** SeaweedFS 4.44, builds from 2026-04-17. Without identities configured, signatures mean nothing. */
export const seaweedfs = defineProfile({
  addressing: ['path'], // s: virtual needs -domainName
  region: 'us-east-1', // s: any; not checked
  capabilities: {
    signedLength: 'yes', // s
    signedType: 'yes', // s
    unsignedCopySource: 'closed', // s
    unsignedHeaders: 'reject', // s: 403
    writeOnce: 'if-none-match', // s: checked again under the lock
    ifMatch: 'quoted', // s: a missing key is 412
    checksumSha256: 'yes', // s, r
    payloadHash: 'no', // s: read from the query only
    responseOverrides: 'yes', // s
    postPolicy: 'yes', // s
    multipart: 'yes', // s
    tagging: 'yes', // s
  },
  traits: {
    regionChecked: 'no', // s
    futureSkewSeconds: 'unchecked', // s
    checksums: ALL_CHECKSUMS, // s, r
    corsApi: 'yes', // s
    abortRule: 'yes', // s
    customDomain: 'yes', // s
    sessionToken: 'sts', // s
    events: { shape: 'seaweedfs', auth: 'bearer', keys: 'path', etag: false, size: 'never' }, // s
  },
})
