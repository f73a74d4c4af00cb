import { defineProfile } from '../profile.ts'

/**
 * Ceph RGW. What differs between releases is left to the probe: conditions on PUT (16.2.15 keeps
 * if-none-match, m; main does, s; a release was seen to ignore it, r) and the copy hole (open before
 * the fix of CVE-2026-54330, s, m).
 */
export const ceph = defineProfile({
  addressing: ['path'], // s: virtual needs rgw_dns_name
  region: 'config', // s, m: any; not checked
  capabilities: {
    signedLength: 'yes', // s, m
    signedType: 'yes', // s, m
    payloadHash: 'yes', // s, m: 400 XAmzContentSHA256Mismatch
    responseOverrides: 'yes', // s, m
    postPolicy: 'yes', // s, m
    multipart: 'yes', // s, m
    abortEndsParts: 'yes', // m: 404 to a part that was under way
    tagging: 'yes', // s, m
    multipartTagging: 'no', // m: dropped in silence
    contentMd5: 'yes', // m: 400 BadDigest
    formHeaders: 'no', // m: checked against the policy, and dropped
    // m: both may be signed, and then neither they nor x-amz-grant-* can be added. An empty
    // x-amz-tagging would keep tags out, but curl sends no empty header, and gets 403.
    fixedHeaders: { 'x-amz-acl': 'private', 'x-amz-storage-class': 'STANDARD' },
  },
  traits: {
    regionChecked: 'no', // s, m
    futureSkewSeconds: 'unchecked', // s, m
    checksums: 'probe', // s: main checks them; m: 16.2.15 does not look
    acl: 'yes', // m
    corsApi: 'yes', // s, m
    abortRule: 'yes', // s, m
    customDomain: 'yes', // s: rgw_dns_name, or hostnames of the zone group
    equalParts: false, // m
    sessionToken: 'sts', // s, m
    events: { shape: 'ceph', auth: 'opaque', keys: 'raw', etag: true, size: 'always' }, // d, m
  },
})
