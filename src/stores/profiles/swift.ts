import { defineProfile } from '../profile.ts'

/**
 * OpenStack Swift with s3api. Where its source (s) and release 2.30.1 (m) differ, the probe decides:
 * if-none-match on PUT (s: kept; m: 501), checksums (s: all five; m: a wrong one is 200) and the
 * payload hash (s: kept; m: right and wrong bytes are both 403).
 */
export const swift = defineProfile({
  addressing: ['path'], // s: virtual needs storage_domain
  region: 'us-east-1', // s, m: checked
  capabilities: {
    signedLength: 'yes', // s, m
    signedType: 'yes', // s, m
    // m: 403 as such, but x_amz_copy_source is the same to WSGI, and nobody looks whether it is signed.
    unsignedCopySource: 'open',
    // m: copy, acl, grant and meta are 403, but x-object-meta-* is metadata as well.
    unsignedHeaders: 'accept',
    ifMatch: 'refused', // s, m: 501
    responseOverrides: 'yes', // s, m
    postPolicy: 'no', // d, m: 412
    formHeaders: 'no', // d, m: no forms
    multipart: 'yes', // s, m
    // m: 200 to a part that was under way, 404 to a new one. Its bytes stay in <bucket>+segments, where
    // neither ListParts nor an abort finds them: only Swift's own API removes them. A part that is sent
    // again after Complete is taken as well, and then the object answers 409 BrokenMPU.
    abortEndsParts: 'no',
    tagging: 'no', // d, m: 501
    multipartTagging: 'no', // m: no tags at all
    encryption: 'no', // m: 501
    contentMd5: 'yes', // m: 400 BadDigest
    maxParts: 1_000, // s: the cluster's default
    maxMetadataValueBytes: 256, // s, m: the default of max_meta_value_length; above it every PUT is 500
    // m: taken when signed. Unsigned, x-detect-content-type puts a guess in place of the signed type.
    fixedHeaders: {
      'x-amz-acl': 'private',
      'x-amz-storage-class': 'STANDARD',
      'x-detect-content-type': 'false',
    },
  },
  traits: {
    regionChecked: 'yes', // s, m
    futureSkewSeconds: 'unchecked', // s, m
    checksums: 'probe', // s: all five; m: a wrong one is 200
    corsApi: 'no', // d, m: 501
    abortRule: 'no', // d
    equalParts: false, // m
    sessionToken: 'none', // d, m: a bogus token is ignored
  },
})
