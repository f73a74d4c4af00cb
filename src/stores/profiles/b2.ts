import { defineProfile } from '../profile.ts'

/** Backblaze B2. */
export const b2 = defineProfile({
  endpoint: 'https://s3.{region}.backblazeb2.com', // d
  capabilities: {
    signedLength: 'yes', // r
    signedType: 'yes', // r
    writeOnce: 'refused', // r: 501
    ifMatch: 'refused', // r: 501
    checksumSha256: 'no', // r: 400 "Unsupported header"
    postPolicy: 'no', // d: not listed
    formHeaders: 'no', // d: no forms
    multipart: 'yes', // r
    writeOnceMultipart: 'no', // r: conditions are 501
    tagging: 'no', // d
    contentMd5: 'yes', // r
  },
  traits: {
    checksums: [], // r: one newer report says that CRC32 works
    acl: 'no', // d
    sessionToken: 'none', // d
    events: { shape: 'b2', auth: 'hmac', keys: 'raw', etag: false, size: 'always' }, // d
  },
})
