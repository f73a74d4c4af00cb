import { defineProfile } from '../profile.ts'

/** Storj by its gateway. Refuses a date one second ahead (s), hence the backdating. */
export const storj = defineProfile({
  endpoint: 'https://gateway.storjshare.io', // d
  addressing: ['path'], // s
  region: 'us1', // s: any; not checked
  capabilities: {
    signedLength: 'yes', // s
    signedType: 'yes', // s
    writeOnce: 'if-none-match', // s: only *
    ifMatch: 'refused', // s: 501
    checksumSha256: 'no', // s: any checksum header is refused on PutObject
    postPolicy: 'probe', // s: a handler exists; nobody has looked what it keeps
    multipart: 'yes', // s
    tagging: 'yes', // d
    preferredPartBytes: 64 * 2 ** 20, // d: its segments
  },
  traits: {
    regionChecked: 'no', // s
    futureSkewSeconds: 0, // s
    checksums: [], // s
    corsApi: 'no', // d: always *
    abortRule: 'no', // d: objects have a time to live instead
    customDomain: 'no', // d
    sessionToken: 'none', // d
    events: { shape: 'storj', auth: 'oidc', keys: 'raw', etag: false, size: 'always' }, // d
  },
})
