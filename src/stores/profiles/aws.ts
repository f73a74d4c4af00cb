import { defineProfile } from '../profile.ts'
import { ALL_CHECKSUMS } from '../traits.ts'

/** Amazon S3. */
export const aws = defineProfile({
  endpoint: 'https://s3.{region}.amazonaws.com', // d
  addressing: ['virtual', 'path'], // d: path style is still served
  capabilities: {
    signedLength: 'yes', // r
    signedType: 'yes', // r
    unsignedCopySource: 'closed', // r
    unsignedHeaders: 'reject', // r: 403
    writeOnce: 'if-none-match', // d: 412, 409 on a race
    ifMatch: 'quoted', // d
    checksumSha256: 'yes', // d, r: 400 BadDigest when sent as a header
    responseOverrides: 'yes', // d
    postPolicy: 'yes', // d
    formHeaders: 'yes', // d: POST Object, form fields
    multipart: 'yes', // d, r
    abortEndsParts: 'no', // d: parts under way may succeed, and a later abort removes them
    writeOnceMultipart: 'yes', // d: on Complete; not on Create, nor on UploadPart
    tagging: 'yes', // d
    multipartTagging: 'yes', // d
    encryption: 'yes', // d
    contentMd5: 'yes', // d: 400 BadDigest
  },
  traits: {
    regionChecked: 'yes', // d
    writeOnceConflict: [412, 409], // d: 409 on a race
    checksums: ALL_CHECKSUMS, // d
    corsApi: 'yes', // d
    abortRule: 'yes', // d
    customDomain: 'no', // d: CloudFront signs in its own way
    sessionToken: 'sts', // d
    events: { shape: 'aws', auth: 'sns', keys: 'form', etag: true, size: 'always' }, // d
  },
})
