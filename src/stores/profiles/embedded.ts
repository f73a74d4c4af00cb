import { defineProfile } from '../profile.ts'

/**
 * The demo's embedded store: s3rver 5.0.0 behind its guard, which refuses every unsigned x-amz-*
 * header. Never for s3rver as it comes, whose copy hole is open.
 */
export const embedded = defineProfile({
  addressing: ['path'], // m
  region: 'config', // m: any; not checked
  // m: version 2 answers 500 as soon as there is a next page, for its token needs DES.
  listing: { version: 1, escapedTwice: true },
  capabilities: {
    signedLength: 'yes', // m
    signedType: 'yes', // m
    unsignedCopySource: 'closed', // m: by the guard
    unsignedHeaders: 'reject', // m: by the guard
    writeOnce: 'ignored', // m: 200, and overwritten
    ifMatch: 'ignored', // m
    checksumSha256: 'no', // m: ignored
    payloadHash: 'no', // m: ignored
    responseOverrides: 'yes', // m: but 403 for any of ! ' ( ) * in the value
    postPolicy: 'no', // m: a form is taken whatever its policy says
    formHeaders: 'no', // m: no policy, no form
    multipart: 'yes', // m: by the guard, which lists and aborts
    abortEndsParts: 'yes', // m: by the guard, 404 to a part that was under way
    writeOnceMultipart: 'no', // m: overwritten
    tagging: 'no', // m: dropped in silence
    multipartTagging: 'no', // m: no tags at all
    encryption: 'no', // m: dropped in silence
    contentMd5: 'no', // m: ignored
    brokenKeys: ['//'], // m: k//d and k/d are one object
  },
  traits: {
    regionChecked: 'no', // m
    futureSkewSeconds: 'unchecked', // m
    writeOnceConflict: [], // m: nothing ever conflicts
    checksums: [], // m: ignored
    corsApi: 'yes', // m
    abortRule: 'no', // m: there is no lifecycle
    equalParts: false, // m
    sessionToken: 'none', // m: a bogus token is ignored
  },
})
