import { defineProfile } from '../profile.ts'

/** Scaleway Object Storage. */
export const scaleway = defineProfile({
  endpoint: 'https://s3.{region}.scw.cloud', // d
  capabilities: {
    writeOnce: 'if-none-match', // d: since July 2026
    ifMatch: 'quoted', // d
    postPolicy: 'yes', // d
    tagging: 'yes', // d
    maxParts: 1_000, // d
  },
  traits: {
    corsApi: 'yes', // d
    abortRule: 'yes', // d
  },
})
