import { REQUESTS } from './lie-outcomes.ts'
import type { Told } from './lies-fixture.ts'

/** What becomes of single requests, by name. */
type Outcomes = Readonly<Record<string, string>>

const ALL = [...REQUESTS]
const PUTS = ['put', 'once', 'strict', 'sha256', 'md5', 'tags', 'encryption', 'overwrite', 'oddKey']
const PARTS = ['parts', 'partsOnce', 'partsTags']
const FORMS = ['post', 'postHeaders']

/**
 * What must become of requests where a probe has found this. What comes later in the list is refused
 * first. What is not in it changes nothing of what is signed: it is harmless, or only told.
 */
const CONSEQUENCES: readonly (readonly [name: string, value: unknown, Outcomes])[] = [
  ['writeOnce', 'ignored', withoutOnce()],
  ['writeOnce', 'refused', withoutOnce()],
  ['ifMatch', 'ignored', { overwrite: '201 PUT exact typed' }],
  ['ifMatch', 'refused', { overwrite: '201 PUT exact typed' }],
  ['checksumSha256+payloadHash', 'no', { sha256: '422 checksum' }],
  ['contentMd5', 'no', { md5: '422 contentMd5' }],
  ['responseOverrides', 'no', { download: '422 responseOverrides' }],
  ['encryption', 'no', { encryption: '422 encryption' }],
  ['tagging', 'no', { tags: '422 tagging' }],
  ['multipartTagging', 'no', { partsTags: '422 multipartTagging' }],
  ['keys', ['//'], { oddKey: '422 keys' }],
  ['keys', ['NFD'], { oddKey: '422 keys' }],
  ['keys', ['+'], { oddKey: '422 keys' }],
  ['keys', ['%2F'], { oddKey: '422 keys' }],
  ['formHeaders', 'no', { postHeaders: '422 formHeaders' }],
  ['postPolicy', 'no', refused(FORMS, 'postPolicy')],
  [
    'writeOnceMultipart',
    'no',
    {
      parts: '201 parts exact typed',
      partsOnce: '422 writeOnceMultipart',
      partsTags: '201 parts exact typed',
    },
  ],
  ['multipart', 'no', refused(PARTS, 'multipart')],
  ['unsignedHeaders', 'reject-some', addable(10)],
  ['unsignedHeaders', 'reject-meta', addable(10)],
  ['unsignedHeaders', 'accept', addable(11)],
  ['signedType', 'no', refused(['auto', ...PUTS], 'signedType')],
  // An upload that leaves its form open has its size bound by a policy.
  [
    'signedLength',
    'no',
    { ...refused([...PUTS, ...PARTS], 'signedLength'), auto: '201 POST exact typed' },
  ],
  ['unsignedCopySource', 'open', refused(['auto', ...PUTS, ...PARTS], 'unsignedCopySource')],
  ['expiry', 'no', refused(ALL, 'expiry')],
  ['methodBound', 'no', refused(ALL, 'methodBound')],
  ['signatures', 'no', refused(ALL, 'signatures')],
  // More than ten minutes: what is signed now would be expired, or not yet valid.
  [
    'clockOffsetSeconds',
    -900,
    Object.fromEntries(ALL.map((name) => [name, '503 StoreUnavailable'])),
  ],
]

/** What has to be different of all requests where a probe has found this. */
export function consequencesOf(found: Told): Outcomes {
  const hashes = found.checksumSha256 === 'no' && found.payloadHash === 'no'
  const all: Told = { ...found, ...(hashes && { 'checksumSha256+payloadHash': 'no' }) }
  const fitting = CONSEQUENCES.filter(
    ([name, value]) => JSON.stringify(all[name]) === JSON.stringify(value),
  )
  return Object.assign({}, ...fitting.map(([, , outcomes]) => outcomes))
}

function refused(names: readonly string[], capability: string): Outcomes {
  return Object.fromEntries(names.map((name) => [name, `422 ${capability}`]))
}

function withoutOnce(): Outcomes {
  return {
    ...Object.fromEntries(
      ['auto', 'put', 'strict', 'tags', 'encryption', 'oddKey'].map((name) => [
        name,
        '201 PUT exact typed',
      ]),
    ),
    once: '422 writeOnce',
    sha256: '201 PUT exact typed sha256',
    md5: '201 PUT exact typed md5',
  }
}

/** Guarantees name so many headers more; a bucket that demands that there are none gets nothing. */
function addable(count: number): Outcomes {
  return {
    ...Object.fromEntries(
      ['auto', 'put', 'once', 'oddKey'].map((name) => [name, `201 PUT exact typed once +${count}`]),
    ),
    sha256: `201 PUT exact typed once sha256 +${count}`,
    md5: `201 PUT exact typed once md5 +${count}`,
    // What is signed for itself cannot be added.
    tags: `201 PUT exact typed once +${count - 1}`,
    encryption: `201 PUT exact typed once +${count - 1}`,
    overwrite: `201 PUT exact typed if-match +${count}`,
    strict: '422 unsignedHeaders',
  }
}
