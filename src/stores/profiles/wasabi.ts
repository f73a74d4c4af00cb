import { defineProfile } from '../profile.ts'

/** Wasabi. Almost nothing is documented: the probe decides. */
export const wasabi = defineProfile({
  endpoint: 'https://s3.{region}.wasabisys.com', // d: us-east-1 is s3.wasabisys.com
  capabilities: {
    checksumSha256: 'no', // r: checksum headers were refused, 400
  },
  traits: {
    checksums: [], // r: the new CRC defaults were refused, 400
    sessionToken: 'sts', // d
    events: { shape: 'aws', auth: 'sns', keys: 'form', etag: true, size: 'always' }, // d
  },
})
