import type { WhatIsSigned } from '../../src/gateway/what-is-signed.ts'
import type { Capabilities } from '../../src/stores/capabilities.ts'

type Word = 'yes' | 'no' | 'probe'

/** What a recipe says of a store, in the order in which it says it. */
const PROMISES: readonly (readonly [string, (capabilities: Capabilities) => Word])[] = [
  ['exact sizes', ({ signedLength }) => signedLength],
  ['content types', ({ signedType }) => signedType],
  ['write-once', ({ writeOnce }) => wordOf(writeOnce, ['if-none-match'])],
  ['write-once of parts', ({ writeOnceMultipart }) => writeOnceMultipart],
  ['replacing by If-Match', ({ ifMatch }) => wordOf(ifMatch, ['quoted', 'bare'])],
  ['no copies by upload URLs', (known) => wordOf(known.unsignedCopySource, ['closed'])],
  ['sha256', sha256Of],
  ['md5', ({ contentMd5 }) => contentMd5],
  ['names of downloads', ({ responseOverrides }) => responseOverrides],
  ['forms', ({ postPolicy }) => postPolicy],
  ['parts', ({ multipart }) => multipart],
  ['tags', ({ tagging }) => tagging],
  ['encryption headers', ({ encryption }) => encryption],
]

/** What a plain request of each kind is answered before anything was seen of the store. */
export type SignedAtOnce = Pick<WhatIsSigned, 'put' | 'post' | 'multipart' | 'download'>

const WAYS = [
  ['PUT', 'put'],
  ['forms', 'post'],
  ['parts', 'multipart'],
  ['downloads', 'download'],
] as const

/**
 * The lines that a recipe has about its store: what the profile expects, and what is signed before
 * the probe has looked. `known` is the store's as it was loaded, without a probe.
 */
export function promisesOf(known: Capabilities, signed: SignedAtOnce): readonly string[] {
  const named = (word: Word) =>
    PROMISES.filter(([, of]) => of(known) === word).map(([name]) => name)
  const atOnce = WAYS.filter(([, way]) => signed[way].signed).map(([name]) => name)
  const missing = WAYS.flatMap(([name, way]) => {
    const verdict = signed[way]
    return verdict.signed ? [] : [`${name} (${verdict.capability})`]
  })
  return [
    '# What is known of such a store; the probe looks at each start, and what it sees counts:',
    `#   expected: ${listed(named('yes'))}`,
    `#   not kept: ${listed(named('no'))}`,
    `#   the probe decides: ${listed(named('probe'))}`,
    `#   signed before it has looked: ${listed(atOnce)}`,
    `#   refused until then, or for good: ${listed(missing)}`,
  ]
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? 'nothing' : names.join(', ')
}

function wordOf(value: string, kept: readonly string[]): Word {
  if (value === 'probe') return 'probe'
  return kept.includes(value) ? 'yes' : 'no'
}

/** Either way of binding contents will do. */
function sha256Of({ checksumSha256, payloadHash }: Capabilities): Word {
  if (checksumSha256 === 'yes' || payloadHash === 'yes') return 'yes'
  return checksumSha256 === 'no' && payloadHash === 'no' ? 'no' : 'probe'
}
