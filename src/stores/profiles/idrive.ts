import { defineProfile } from '../profile.ts'

/** IDrive e2. Little is documented: the probe decides. */
export const idrive = defineProfile({
  endpoint: 'https://s3.{region}.idrivee2.com', // d
  addressing: ['path'], // r
  capabilities: {
    checksumSha256: 'no', // ?: not relied upon
  },
  traits: {
    checksums: [], // ?: not relied upon
  },
})
