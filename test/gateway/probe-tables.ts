import type { ProbeReport } from '../../src/stores/probe-report.ts'
import type { StoreUnderTest } from '../support/stores/stores-under-test.ts'

/** What a probe sees of a store of which nothing is known beforehand, whole. */
export interface ProbeTable {
  /** What is in use: a capability each, in the order of their names. */
  readonly capabilities: ProbeReport['capabilities']
  readonly traits: ProbeReport['traits']
  /** Findings that are neither, by step and name. */
  readonly findings: Readonly<Record<string, unknown>>
}

/** What all three have in common. */
const SAME = {
  capabilities: {
    signatures: 'yes',
    methodBound: 'yes',
    expiry: 'yes',
    signedLength: 'yes',
    writeCredentialReads: 'yes',
    checksumSha256: 'no',
    responseOverrides: 'yes',
    multipart: 'yes',
    multipartTagging: 'no',
    encryption: 'no',
  },
  traits: { acl: 'yes', checksums: [], futureSkewSeconds: 'unchecked' },
  findings: {
    '1 bucket': 'yes',
    '3 presignPut': 'yes',
    '3 metadata': 'yes',
    '4 presignGet': 'yes',
    '4 presignHead': 'yes',
    '4 presignDelete': 'yes',
    '10 x-amz-server-side-encryption': 'refused',
    '11 fixedHeaders': ['x-amz-acl: private', 'x-amz-storage-class: STANDARD'],
    '18 expiresAboveMaximum': 'refused',
    '18 expiresMissing': 'refused',
    '18 maxExpiresSeconds': 604_800,
    '20 duplicateParameters': 'no',
    '22 responseType': 'yes',
    '23 presignPart': 'yes',
    '23 signedPartLength': 'yes',
    '27 cleaned': 'yes',
  },
} as const satisfies ProbeTable

const PINS = { 'x-amz-acl': 'private', 'x-amz-storage-class': 'STANDARD' }

/** Ceph RGW 16.2.15 with a key that may do everything. */
export const CEPH: ProbeTable = {
  capabilities: {
    ...SAME.capabilities,
    signedType: 'yes',
    writeOnce: 'if-none-match',
    writeOnceMultipart: 'no',
    ifMatch: 'bare',
    unsignedCopySource: 'open',
    unsignedHeaders: 'accept',
    fixedHeaders: PINS,
    contentMd5: 'yes',
    payloadHash: 'yes',
    postPolicy: 'yes',
    formHeaders: 'no',
    tagging: 'yes',
    brokenKeys: [],
  },
  traits: { ...SAME.traits, regionChecked: 'no', writeOnceConflict: [412] },
  findings: {
    ...SAME.findings,
    '7 unsignedCopySource': 'open',
    '8 unsignedCopySource': 'open',
    '10 x-amz-meta-added': 'effective',
    '10 x-object-meta-added': 'effective',
    '10 x-amz-acl': 'effective',
    '10 x_amz_acl': 'effective',
    '10 x-amz-grant-read': 'effective',
    '10 x-amz-tagging': 'effective',
    '10 x-amz-storage-class': 'effective',
    '10 x-amz-website-redirect-location': 'effective',
    '10 x-amz-object-lock-mode': 'refused',
    '21 keys': [],
    '22 extendedFilename': 'yes',
    '24 postStrict': 'yes',
  },
}

/** OpenStack Swift 2.30.1 with s3api. */
export const SWIFT: ProbeTable = {
  capabilities: {
    ...SAME.capabilities,
    // An unsigned x-detect-content-type puts a guess in its place; the profile pins it.
    signedType: 'no',
    writeOnce: 'refused',
    writeOnceMultipart: 'yes',
    ifMatch: 'refused',
    // By x_amz_copy_source, which is the same to WSGI.
    unsignedCopySource: 'open',
    unsignedHeaders: 'accept',
    fixedHeaders: PINS,
    contentMd5: 'yes',
    payloadHash: 'no',
    postPolicy: 'no',
    tagging: 'no',
    brokenKeys: [],
  },
  traits: { ...SAME.traits, regionChecked: 'yes', writeOnceConflict: [] },
  findings: {
    ...SAME.findings,
    '1 region': 'us-east-1',
    '7 unsignedCopySource': 'open',
    '8 unsignedCopySource': 'open',
    '10 x-amz-meta-added': 'refused',
    '10 x-object-meta-added': 'effective',
    '10 x-amz-acl': 'refused',
    '10 x_amz_acl': 'ignored',
    '10 x-amz-grant-read': 'refused',
    '10 x-amz-tagging': 'refused',
    '10 x-amz-storage-class': 'effective',
    '10 x-amz-website-redirect-location': 'refused',
    '10 x-amz-object-lock-mode': 'ignored',
    '21 keys': [],
    '22 extendedFilename': 'yes',
    '24 postStrict': 'no',
  },
}

/** The demo's embedded store, s3rver 5.0.0 behind its guard. */
export const EMBEDDED: ProbeTable = {
  capabilities: {
    ...SAME.capabilities,
    signedType: 'yes',
    writeOnce: 'ignored',
    writeOnceMultipart: 'no',
    ifMatch: 'ignored',
    unsignedCopySource: 'closed',
    unsignedHeaders: 'reject',
    // Nothing can be added, so nothing need be pinned.
    fixedHeaders: {},
    contentMd5: 'no',
    payloadHash: 'no',
    postPolicy: 'no',
    tagging: 'no',
    // The last two only in listings, which escape them twice: the profile knows.
    brokenKeys: ['//', "'", '&'],
  },
  traits: { ...SAME.traits, regionChecked: 'no', writeOnceConflict: [] },
  findings: {
    ...SAME.findings,
    '7 unsignedCopySource': 'closed',
    '8 unsignedCopySource': 'closed',
    '10 x-amz-meta-added': 'refused',
    '10 x-object-meta-added': 'ignored',
    '10 x-amz-acl': 'refused',
    '10 x_amz_acl': 'ignored',
    '10 x-amz-grant-read': 'refused',
    '10 x-amz-tagging': 'refused',
    '10 x-amz-storage-class': 'refused',
    '10 x-amz-website-redirect-location': 'refused',
    '10 x-amz-object-lock-mode': 'refused',
    '21 keys': ['//', 'segment of 300 bytes', "'", '&'],
    '22 extendedFilename': 'no',
    '24 postStrict': 'no',
  },
}

/** By kind of store. */
export const PROBE_TABLES: Readonly<Record<StoreUnderTest['kind'], ProbeTable>> = {
  ceph: CEPH,
  swift: SWIFT,
  embedded: EMBEDDED,
}

/** A report that says what a table says, as far as signing goes by it. */
export function reportOf({ capabilities, traits }: ProbeTable): ProbeReport {
  const at = new Date().toISOString()
  const nothing = { findings: [], leftovers: [], requests: 0, bytes: 0 }
  const when = { startedAt: at, endedAt: at, complete: true }
  return { store: 'main', bucket: '', ...when, ...nothing, capabilities, traits }
}

/** A report as a table. The store's clock is another matter, and so are pages of a browser. */
export function tableOf({ findings, capabilities, traits }: ProbeReport): ProbeTable {
  const others = findings.filter(({ step, name }) => {
    const told = step !== 7 && step !== 8 && name !== 'fixedHeaders' && name !== 'maxExpiresSeconds'
    return !(told && (name in capabilities || name in traits)) && name !== 'clockOffsetSeconds'
  })
  const named = others.map(({ step, name, value }) => [`${step} ${name}`, value])
  return { capabilities, traits, findings: Object.fromEntries(named) }
}
