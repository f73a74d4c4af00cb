import { defineProfile } from '../profile.ts'

/** Hetzner Object Storage, a private fork of Ceph. No custom domains (d). */
export const hetzner = defineProfile({
  endpoint: 'https://{region}.your-objectstorage.com', // d: fsn1, nbg1, hel1
  capabilities: {
    checksumSha256: 'no', // unverified, so not relied upon
    tagging: 'no', // d
  },
})
