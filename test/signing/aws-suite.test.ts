import { AwsV4Signer } from 'aws4fetch'
import { describe, expect, it } from 'vitest'
import { AWS_SUITE, AWS_SUITE_SETTING, type AwsSuiteCase } from './aws-suite.ts'

/**
 * By design of aws4fetch: `Headers` joins equal names with ", ", `URL` resolves dot segments, and for
 * any service but S3 double slashes are made one.
 */
const NEVER = [
  'get-header-key-duplicate',
  'get-header-value-order',
  'get-relative-relative-unnormalized',
  'get-relative-unnormalized',
  'get-slash-dot-slash-unnormalized',
  'get-slash-pointless-dot-unnormalized',
  'get-slash-unnormalized',
  'get-slashes-unnormalized',
]

/** Paths are encoded twice for all services but S3, and the suite's are not encoded yet. */
const ONLY_ENCODED_ONCE = ['get-space-normalized', 'get-space-unnormalized', 'get-utf8']

const FORMS = [
  ['headers', false],
  ['the query', true],
] as const

describe.each(FORMS)("aws4fetch in %s and AWS's own suite", (_, signQuery) => {
  it('has 38 cases', () => {
    expect(new Set(AWS_SUITE.map(({ name }) => name)).size).toBe(38)
  })

  it('fails the eight that it cannot pass and no other, when paths are encoded once', async () => {
    expect(await failures({ signQuery, singleEncode: true })).toEqual(new Set(NEVER))
  })

  it('fails three more when they are encoded twice', async () => {
    expect(await failures({ signQuery, singleEncode: false })).toEqual(
      new Set([...NEVER, ...ONLY_ENCODED_ONCE]),
    )
  })
})

interface Mode {
  readonly signQuery: boolean
  readonly singleEncode: boolean
}

/** The names of the cases that come out otherwise. */
async function failures(mode: Mode): Promise<ReadonlySet<string>> {
  const failed = new Set<string>()
  for (const suiteCase of AWS_SUITE) {
    const expected = mode.signQuery ? suiteCase.inQuery : suiteCase.inHeaders
    if ((await signatureOf(suiteCase, mode)) !== expected) failed.add(suiteCase.name)
  }
  return failed
}

function signatureOf(suiteCase: AwsSuiteCase, mode: Mode): Promise<string> {
  const { origin, expiresInSeconds, ...setting } = AWS_SUITE_SETTING
  const { method, target, headers, body, sessionToken } = suiteCase
  const mark = target.includes('?') ? '&' : '?'
  const expiry = mode.signQuery ? `${mark}X-Amz-Expires=${expiresInSeconds}` : ''
  return new AwsV4Signer({
    ...setting,
    ...mode,
    method,
    url: `${origin}${target}${expiry}`,
    headers: headers.map(([name, value]): [string, string] => [name, value]),
    body,
    ...(sessionToken !== undefined && { sessionToken }),
    allHeaders: true,
  }).signature()
}
