import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ObjectKey } from '../../src/object-key.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { Secret } from '../../src/secret.ts'
import { createAws4fetchPresigner } from '../../src/signing/aws4fetch-presigner.ts'
import { createNativePresigner } from '../../src/signing/native-presigner.ts'
import type { PresignRequest } from '../../src/signing/presigner.ts'
import { ACCEPTED_KEYS } from '../stores/key-table.ts'
import { EXAMPLE_DATE_MS } from './presign-fixture.ts'
import { smithyQuery } from './smithy-signer.ts'

const FIXED_SEED = 20_130_524
const RANDOM_SEED = Math.floor(Math.random() * 2 ** 31)
// Two seeds: 1,000 requests a run of the tests.
const RUNS = 500

const native = createNativePresigner(nodeHashing)
const aws4fetch = createAws4fetchPresigner()

const ascii = fc.stringMatching(/^[!-~](?:[ -~]{0,20}[!-~])?$/)
const keys = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }).filter(isKey),
  fc.constantFrom(...ACCEPTED_KEYS),
)
const origins = fc.oneof(
  fc.constantFrom(
    'https://s3.example.test',
    'http://127.0.0.1:9000',
    'https://bkt.s3.example.test',
    'http://[::1]:7480',
    'https://[2001:db8::7]',
    'https://media.prod.s3.example.test:8443',
  ),
  fc.integer({ min: 1_024, max: 65_535 }).map((port) => `http://localhost:${port}`),
)
const usualHeaders = fc.record(
  {
    'content-length': fc.nat().map(String),
    'content-type': ascii,
    'cache-control': ascii,
    'content-disposition': ascii,
    'if-none-match': fc.constant('*'),
    'if-match': ascii,
    'x-amz-acl': fc.constant('private'),
    'x-amz-tagging': ascii,
    'x-amz-checksum-sha256': ascii,
    'x-amz-content-sha256': fc.stringMatching(/^[0-9a-f]{64}$/),
    'x-amz-meta-signet': ascii,
  },
  { requiredKeys: [] },
)
const moreHeaders = fc.dictionary(
  fc.stringMatching(/^x-amz-meta-[a-z0-9._-]{1,12}$/),
  fc.oneof(ascii, fc.constant('')),
  { maxKeys: 3 },
)
// Made once each: a generator made anew for each request takes far longer than its signatures.
const headers = fc
  .tuple(usualHeaders, moreHeaders)
  .chain(([usual, more]) => fc.shuffledSubarray(Object.entries({ ...more, ...usual })))
const query = fc
  .dictionary(
    fc.constantFrom(
      'versionId',
      'partNumber',
      'uploadId',
      'response-content-disposition',
      'A',
      'a b',
      'a-',
      '%41',
      'caf\u00e9',
    ),
    fc.oneof(ascii, fc.string({ unit: 'grapheme', maxLength: 12 })),
    { maxKeys: 4 },
  )
  .chain((pairs) => fc.shuffledSubarray(Object.entries(pairs)))
const dates = fc.oneof(
  fc.integer({ min: 0, max: 4_102_444_800_000 }),
  fc.integer({ min: -1_001, max: 1_001 }).map((offset) => EXAMPLE_DATE_MS + offset),
  fc.integer({ min: 0, max: 86_399 }).map((second) => Date.UTC(2024, 1, 29) + second * 1_000),
)
// Few credentials, so that days and regions come and go under one and the same.
const credentials = Array.from({ length: 3 }, (_, index) => ({
  accessKeyId: `AKIA${index}/+=`,
  secretAccessKey: new Secret(`secret/${index}+caf\u00e9`),
  ...(index > 0 && { sessionToken: new Secret(`AB+/${index}== \u00e9`) }),
}))
const requests: fc.Arbitrary<PresignRequest> = fc.record({
  method: fc.constantFrom('GET', 'PUT', 'HEAD', 'DELETE'),
  origin: origins,
  path: keys.map((key) => `/bkt/${ObjectKey.parse(key).encoded}`),
  query: query.map((entries) => new Map(entries)),
  headers: headers.map((entries) => new Map(entries)),
  credential: fc.constantFrom(...credentials),
  region: fc.constantFrom('us-east-1', 'auto', 'garage', 'eu-central-003'),
  signedAtMs: dates,
  expiresInSeconds: fc.integer({ min: 1, max: 604_800 }),
})

// A failure prints its seed as well; the random one is in the name, so that success shows it too.
describe.each([FIXED_SEED, RANDOM_SEED])('signatures of random requests, seed %i', (seed) => {
  it('are the same byte for byte from both drivers, and those of the AWS SDK', async () => {
    await fc.assert(
      fc.asyncProperty(requests, async (request) => {
        const url = (await native.presign(request)).reveal()
        expect(url).toBe((await aws4fetch.presign(request)).reveal())
        const [start, search = ''] = url.split('?')
        expect(start).toBe(`${request.origin}${request.path}`)
        expect(search.split('&').sort()).toEqual(await smithyQuery(request))
      }),
      { numRuns: RUNS, seed },
    )
  })

  it('are the same under every policy', async () => {
    const policies = fc.base64String({ minLength: 0, maxLength: 3_000 })
    await fc.assert(
      fc.asyncProperty(policies, requests, async (policy, signer) => {
        expect(await native.signPolicy(policy, signer)).toBe(
          await aws4fetch.signPolicy(policy, signer),
        )
      }),
      { numRuns: RUNS / 10, seed },
    )
  })
})

function isKey(text: string): boolean {
  try {
    return ObjectKey.parse(text).text === text
  } catch {
    return false
  }
}
