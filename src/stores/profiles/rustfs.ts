import { defineProfile } from '../profile.ts'

/** RustFS 1.0.0-rc. The copy hole was open in older builds (r), so the probe decides. */
export const rustfs = defineProfile({
  addressing: ['path'], // s: virtual needs RUSTFS_SERVER_DOMAINS
  region: 'config', // s: checked when the server has one
  capabilities: {
    signedLength: 'yes', // s
    signedType: 'yes', // s; r: older builds took an unsigned type
    unsignedHeaders: 'accept', // s
    writeOnce: 'if-none-match', // s
    ifMatch: 'quoted', // s
    checksumSha256: 'yes', // s
    payloadHash: 'yes', // s
    responseOverrides: 'yes', // s
    postPolicy: 'yes', // s, r
    multipart: 'yes', // s
    tagging: 'yes', // s
  },
})
