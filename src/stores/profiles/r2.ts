import { defineProfile } from '../profile.ts'

/** Cloudflare R2. */
export const r2 = defineProfile({
  endpoint: 'https://{account}.r2.cloudflarestorage.com', // d
  region: 'auto', // d
  capabilities: {
    signedLength: 'yes', // r
    signedType: 'yes', // ?
    writeOnce: 'if-none-match', // d
    ifMatch: 'quoted', // d
    postPolicy: 'no', // d
    formHeaders: 'no', // d: no forms
    multipart: 'yes', // d
    tagging: 'no', // d
    encryption: 'no', // d: fails late
  },
  traits: {
    acl: 'no', // d
    corsApi: 'yes', // d
    abortRule: 'yes', // d; r: one test suite says no
    customDomain: 'no', // d
    sessionToken: 'r2', // d: temp-access-credentials
    // d: by queues alone; the bearer is that of the Worker which forwards them.
    events: { shape: 'r2', auth: 'bearer', keys: 'raw', etag: true, size: 'always' },
  },
})
