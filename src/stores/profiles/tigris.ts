import { defineProfile } from '../profile.ts'

/** Tigris. Conditions are strong only in single- and multi-region buckets (d). */
export const tigris = defineProfile({
  endpoint: 'https://t3.storage.dev', // d
  addressing: ['virtual', 'path'], // d
  region: 'auto', // d
  capabilities: {
    writeOnce: 'if-none-match', // d
    ifMatch: 'quoted', // d
    checksumSha256: 'yes', // r
    postPolicy: 'yes', // d
    multipart: 'yes', // r
    tagging: 'yes', // r
    maxExpiresSeconds: 7_776_000, // d: 90 days
  },
  traits: {
    checksums: ['SHA256'], // r
    corsApi: 'yes', // r
    customDomain: 'yes', // d
    events: { shape: 'tigris', auth: 'basic-or-bearer', keys: 'raw', etag: true, size: 'always' }, // d
  },
})
