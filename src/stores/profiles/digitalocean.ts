import { defineProfile } from '../profile.ts'

/** DigitalOcean Spaces, a private fork of Ceph: what Ceph does proves nothing here. */
export const digitalocean = defineProfile({
  endpoint: 'https://{region}.digitaloceanspaces.com', // d
  addressing: ['virtual', 'path'], // d
  capabilities: {
    ifMatch: 'bare', // r: the ETag without quotes
    checksumSha256: 'no', // ?: not relied upon
    tagging: 'yes', // d
  },
  traits: {
    checksums: [], // ?: not relied upon
    corsApi: 'yes', // d
    abortRule: 'yes', // d
    sessionToken: 'none', // d
  },
})
