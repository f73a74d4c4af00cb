import { defineProfile } from '../profile.ts'

/** OVHcloud Object Storage. Both conditions at once are 400 (d). */
export const ovh = defineProfile({
  endpoint: 'https://s3.{region}.io.cloud.ovh.net', // d: US .ovh.us, legacy .perf.
  capabilities: {
    writeOnce: 'if-none-match', // d: since June 2026; 409 on a race
    ifMatch: 'bare', // d: the ETag without quotes
    postPolicy: 'yes', // d
    tagging: 'yes', // d: not in Local Zones
  },
  traits: {
    writeOnceConflict: [412, 409], // d: 409 on a race
    corsApi: 'yes', // d
  },
})
