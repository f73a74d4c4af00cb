import { afterEach, describe, expect, it } from 'vitest'
import { createTestBucket, storeClient } from '../support/stores/stores-under-test.ts'
import type { GatewayOnStore } from './gateway-on-store.ts'
import { type Bent, type Case, formsOnStores, type Held, hold, SIZE } from './holder-fixture.ts'
import { gatewayForParts } from './multipart-fixture.ts'
import { differences, objectState } from './object-state.ts'

const ALL_USERS = 'uri="http://acs.amazonaws.com/groups/global/AllUsers"'
/** Prefixes by which servers know metadata; `x-object-meta-` is Swift's own, the others Ceph's too. */
const METADATA = ['amz', 'object', 'goog', 'rgw', 'dho', 'account', 'container', 'bucket']

/** Everything that somebody might add; `BUCKET` stands for one that holds a secret. */
const HEADERS: readonly (readonly [name: string, value: string])[] = [
  ['cache-control', 'max-age=5'],
  ['cache_control', 'max-age=5'],
  ['content-disposition', 'inline'],
  ['content-encoding', 'x-own'],
  ['content-language', 'de'],
  ['content-location', '/x'],
  ['content_type', 'text/html'],
  ['expires', 'Wed, 21 Oct 2026 07:28:00 GMT'],
  ['link', '</x>; rel=preload'],
  ['refresh', '0; url=/x'],
  ['access-control-allow-origin', '*'],
  ['x-robots-tag', 'none'],
  ['x-content-type', 'text/html'],
  ['x-detect-content-type', 'true'],
  ['x_detect_content_type', 'true'],
  ['x-backend-content-type', 'text/html'],
  ['x-amz-acl', 'public-read'],
  ['x_amz_acl', 'public-read'],
  ['x-amz_acl', 'public-read'],
  ['x-amz-grant-read', ALL_USERS],
  ['x_amz_grant_read', ALL_USERS],
  ['x-amz-grant-full-control', ALL_USERS],
  ['x-amz-grant-read-acp', ALL_USERS],
  ['x-container-read', '.r:*'],
  ['x-object-sysmeta-s3api-acl', '[]'],
  ...METADATA.flatMap((prefix) => [
    [`x-${prefix}-meta-extra`, 'x'] as const,
    [`x-${prefix}-meta-album`, 'x'] as const,
  ]),
  ['x_amz_meta_extra', 'x'],
  ['x_amz_meta_album', 'x'],
  ['x-amz-tagging', 'a=b'],
  ['x_amz_tagging', 'a=b'],
  ['x-amz-storage-class', 'STANDARD_IA'],
  ['x_amz_storage_class', 'STANDARD_IA'],
  ['x-amz-storage-class', 'REDUCED_REDUNDANCY'],
  ['x-amz-website-redirect-location', '/evil'],
  ['x_amz_website_redirect_location', '/evil'],
  ['x-amz-server-side-encryption', 'AES256'],
  ['x-amz-server-side-encryption', 'aws:kms'],
  ['x-amz-server-side-encryption-aws-kms-key-id', 'k'],
  ['x-amz-server-side-encryption-context', 'e30='],
  ['x-amz-server-side-encryption-customer-algorithm', 'AES256'],
  ['x-amz-object-lock-mode', 'GOVERNANCE'],
  ['x-amz-object-lock-legal-hold', 'ON'],
  ['x-amz-object-lock-retain-until-date', '2030-01-01T00:00:00Z'],
  ['x-amz-copy-source', '/BUCKET/secret'],
  ['x_amz_copy_source', '/BUCKET/secret'],
  ['x-amz_copy-source', '/BUCKET/secret'],
  ['x-copy-from', 'BUCKET/secret'],
  ['x-amz-metadata-directive', 'REPLACE'],
  ['x-amz-checksum-sha256', 'AAAA'],
  ['x-amz-sdk-checksum-algorithm', 'CRC32'],
  ['x-amz-write-offset-bytes', '10'],
  ['x-amz-decoded-content-length', '5'],
  ['x-amz-content-sha256', 'STREAMING-UNSIGNED-PAYLOAD-TRAILER'],
  ['x-amz-security-token', 'abc'],
  ['x-amz-date', '20200101T000000Z'],
  ['authorization', 'AWS x:y'],
  ['content-md5', 'AAAAAAAAAAAAAAAAAAAAAA=='],
  ['content-range', 'bytes 0-9/10'],
  ['range', 'bytes=0-9'],
  ['etag', 'abc'],
  ['expect', '100-continue'],
  ['x-http-method-override', 'DELETE'],
  ['x-delete-after', '100'],
  ['x-delete-at', '4000000000'],
  ['x-object-manifest', 'BUCKET/secret'],
  ['x-symlink-target', 'BUCKET/secret'],
  ['x-static-large-object', 'true'],
  ['x-timestamp', '1'],
  ['x-auth-token', 'x'],
]

const ORDINARY = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'expires',
]
/** Of those on a list, what was seen to be kept: a list that names too much would say nothing. */
const KEPT: Readonly<Record<string, readonly string[]>> = {
  'put embedded': ORDINARY,
  'put ceph': [
    ...ORDINARY,
    'x-amz-meta-*',
    'x-amz-tagging',
    'x-amz-website-redirect-location',
    'x-robots-tag',
  ],
  'put swift': [...ORDINARY, 'x-amz-copy-source', 'x-amz-meta-*', 'x-robots-tag'],
  'post ceph': [],
  'multipart embedded': [],
  'multipart ceph': [],
  // Not seen: a part that copies must be empty, and this one has its signed length.
  'multipart swift': [],
}

const AT_ONCE = 8

let gateway: GatewayOnStore
afterEach(() => gateway.close())

/** The name on a grant's list that stands for a header or for what it does. */
function listedAs({ guarantees }: Held, name: string): string | undefined {
  return guarantees.unpinnedHeaders.find((listed) =>
    listed.endsWith('*') ? name.startsWith(listed.slice(0, -1)) : listed === name,
  )
}

/** Sends every header on a grant of its own; what was kept of it, by the names on the list. */
async function keptOf(
  { form, store }: Case,
  bentBy: (name: string, value: string) => Bent,
): Promise<{ kept: Set<string>; broken: string[] }> {
  const secrets = await createTestBucket(store)
  const secret = { method: 'PUT', body: 's'.repeat(SIZE) }
  await storeClient(store).fetch(`${store.endpoint}/${secrets}/secret`, secret)
  const metadata = { album: '7' }
  const plain = await hold(gateway, form, 'acme/alice/plain.html', { metadata })
  expect([200, 201]).toContain(await plain.send())
  const usual = await objectState(store, gateway.storeBucket, plain.key)
  const kept = new Set<string>()
  const broken: string[] = []
  const look = async ([name, value]: readonly [string, string], index: number) => {
    const held = await hold(gateway, form, `acme/alice/${index}.html`, { metadata })
    const status = await held.send(bentBy(name, value.replace('BUCKET', secrets)))
    const state = await objectState(store, gateway.storeBucket, held.key)
    const isTaken = status === 200 || status === 201
    if (!isTaken) {
      if (state.status !== '404') broken.push(`${name}: ${status}, and stored`)
      return
    }
    // A copy is another object altogether.
    const changed = differences(usual, state)
    const copied = changed.includes('body')
    for (const what of copied ? ['x-amz-copy-source'] : changed) {
      const listed = listedAs(held, what)
      if (listed === undefined) broken.push(`${name}: ${status}, and it changed ${what}`)
      else kept.add(listed)
    }
  }
  for (let from = 0; from < HEADERS.length; from += AT_ONCE) {
    const some = HEADERS.slice(from, from + AT_ONCE)
    await Promise.all(some.map((header, index) => look(header, from + index)))
  }
  return { kept, broken }
}

describe.each(formsOnStores())('what can be added to a $form on $kind', (each) => {
  it('is refused or does nothing, but for what its guarantees name; of that, what was seen is kept', async () => {
    gateway = await gatewayForParts(each.store)
    const { kept, broken } = await keptOf(each, (name, value) => ({ headers: { [name]: value } }))
    expect(broken).toEqual([])
    expect(kept).toEqual(new Set(KEPT[`${each.form} ${each.kind}`]))
  })
})

describe.each(formsOnStores().filter(({ form }) => form === 'post'))(
  'what can be added to the request around a form on $kind',
  (each) => {
    it('is refused or does nothing', async () => {
      gateway = await gatewayForParts(each.store)
      const { kept, broken } = await keptOf(each, (name, value) => ({
        requestHeaders: { [name]: value },
      }))
      expect(broken).toEqual([])
      expect([...kept]).toEqual([])
    })
  },
)
