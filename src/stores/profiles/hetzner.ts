import { defineProfile } from '../profile.ts'

/** Hetzner Object Storage, a private fork of Ceph: what Ceph does proves nothing here. */
export const hetzner = defineProfile({
  endpoint: 'https://{region}.your-objectstorage.com', // d: fsn1, nbg1, hel1
  capabilities: {
    checksumSha256: 'no', // ?: not relied upon
    tagging: 'no', // d
  },
  traits: {
    checksums: [], // ?: not relied upon
    customDomain: 'no', // d
  },
})
