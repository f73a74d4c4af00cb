import { defineProfile } from '../profile.ts'

/** Supabase Storage. Drops in silence what it does not keep. A URL without an expiry is for ever (s). */
export const supabase = defineProfile({
  endpoint: 'https://{project}.supabase.co', // d
  basePath: '/storage/v1/s3', // d, s: part of the signed path
  addressing: ['path'], // s
  region: 'config', // s
  capabilities: {
    signedLength: 'yes', // s
    signedType: 'yes', // s
    unsignedHeaders: 'accept', // s
    writeOnce: 'ignored', // s, d
    ifMatch: 'ignored', // s
    checksumSha256: 'no', // s, d: ignored in silence
    payloadHash: 'no', // s
    postPolicy: 'yes', // s
    multipart: 'yes', // s
    writeOnceMultipart: 'no', // s: conditions are ignored
    tagging: 'no', // s: dropped in silence
    encryption: 'no', // s: dropped in silence
  },
  traits: {
    futureSkewSeconds: 'unchecked', // s
    checksums: [], // s, d: ignored in silence
    corsApi: 'no', // d
    abortRule: 'no', // d
    sessionToken: 'jwt', // d, s: the user's own, whose row rules apply
  },
})
