import { defineProfile } from '../profile.ts'

/**
 * Google Cloud Storage by its XML API, signed with AWS4 names. Its own conditions
 * (`x-goog-if-generation-match`) and size ranges need GOOG4, and the two must not be mixed (d).
 */
export const gcs = defineProfile({
  endpoint: 'https://storage.googleapis.com', // d
  region: 'auto', // r: not checked
  capabilities: {
    signedLength: 'yes', // d
    signedType: 'yes', // d
    writeOnce: 'refused', // d: not by if-none-match
    ifMatch: 'refused', // d: not by if-match
    responseOverrides: 'yes', // r: an object's own Content-Disposition wins
    postPolicy: 'probe', // d: works with GOOG4 names; with AWS4 ones nobody has looked
    multipart: 'yes', // d
    writeOnceMultipart: 'no', // d: not by if-none-match
    tagging: 'no', // r
  },
  traits: {
    regionChecked: 'no', // r
    putSizeRange: false, // d: by x-goog-content-length-range, and so not before GOOG4
    corsApi: 'no', // r: by an API of its own
    abortRule: 'no', // ?: by a lifecycle of its own
    customDomain: 'yes', // d
    sessionToken: 'none', // d: none for HMAC keys
    events: { shape: 'gcs', auth: 'oidc', keys: 'raw', etag: true, size: 'always' }, // d
  },
})
