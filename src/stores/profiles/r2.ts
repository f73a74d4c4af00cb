import { defineProfile } from '../profile.ts'

/** Cloudflare R2. No custom domains for signed URLs (d). */
export const r2 = defineProfile({
  endpoint: 'https://{account}.r2.cloudflarestorage.com', // d
  region: 'auto', // d
  capabilities: {
    signedLength: 'yes', // r
    signedType: 'yes', // unverified
    writeOnce: 'if-none-match', // d
    ifMatch: 'quoted', // d
    postPolicy: 'no', // d
    formHeaders: 'no',
    multipart: 'yes', // d
    tagging: 'no', // d
    encryption: 'no', // d: fails late
  },
})
