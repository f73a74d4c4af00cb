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
    // d: forms work with GOOG4 names; with AWS4 ones nobody has looked.
    postPolicy: 'probe',
    multipart: 'yes', // d
    writeOnceMultipart: 'no', // d: not by if-none-match
    tagging: 'no', // r
  },
})
