import { defineProfile } from '../profile.ts'

/** Garage 1.2.0; 2.x is not covered. */
export const garage = defineProfile({
  addressing: ['path'], // s: virtual needs root_domain
  region: 'garage', // s: checked, 400 AuthorizationHeaderMalformed
  capabilities: {
    signedLength: 'yes', // s
    signedType: 'yes', // s
    unsignedCopySource: 'closed', // s
    unsignedHeaders: 'reject', // s: 400
    writeOnce: 'ignored', // s: 200, and overwritten
    ifMatch: 'ignored', // s
    checksumSha256: 'yes', // s
    payloadHash: 'no', // s: never looked at
    responseOverrides: 'yes', // s
    postPolicy: 'yes', // s
    multipart: 'yes', // s
    writeOnceMultipart: 'no', // s: conditions are ignored
    tagging: 'no', // s: dropped in silence
    multipartTagging: 'no', // s: no tags at all
    encryption: 'no', // s: dropped in silence
  },
  traits: {
    regionChecked: 'yes', // s
    futureSkewSeconds: 'unchecked', // s
    checksums: ['CRC32', 'CRC32C', 'SHA1', 'SHA256'], // s
    acl: 'no', // s
    corsApi: 'yes', // s
    abortRule: 'yes', // s
    sessionToken: 'none', // s
  },
})
