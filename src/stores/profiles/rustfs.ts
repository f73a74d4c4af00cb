import { defineProfile } from '../profile.ts'
import { ALL_CHECKSUMS } from '../traits.ts'

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
  traits: {
    regionChecked: 'yes', // s: when the server has one
    futureSkewSeconds: 900, // s
    checksums: ALL_CHECKSUMS, // s
    corsApi: 'yes', // s
    customDomain: 'yes', // s
    sessionToken: 'sts', // ?
    events: { shape: 'rustfs', auth: 'bearer', keys: 'form', etag: true, size: 'always' }, // s
  },
})
