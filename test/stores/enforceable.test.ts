import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/errors.ts'
import type { Capabilities } from '../../src/stores/capabilities.ts'
import {
  assertDownloadEnforceable,
  assertUploadEnforceable,
  type EnforceableUpload,
} from '../../src/stores/enforceable.ts'
import { PROVIDERS, profileOf } from '../../src/stores/profile-of.ts'
import type { Store } from '../../src/stores/store.ts'
import { NO_TRAITS } from '../../src/stores/traits.ts'
import { ABLE, exampleBucket, exampleStore, placeOf, storeWith } from './store-fixture.ts'

const UPLOAD: EnforceableUpload = {
  form: 'put',
  sizeBytes: 5,
  exactSize: true,
  overwrite: false,
  bindings: {},
}
const DOWNLOAD = { disposition: 'inline', expiresInSeconds: 300, nowMs: 0 } as const
const SHA256 = '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='

/** Whose profile says that length and type are bound and that the copy hole is closed. */
const ABLE_PROVIDERS = ['aws', 'embedded', 'garage', 'seaweedfs']

interface Case {
  capabilities?: Partial<Capabilities>
  wanted?: Partial<EnforceableUpload>
  writeOnce?: boolean
  strictHeaders?: boolean
  allowReadableWriteCredential?: boolean
  key?: string
}

function check(given: Case): void {
  const { capabilities, wanted, writeOnce, strictHeaders, allowReadableWriteCredential, key } =
    given
  const store = exampleStore({
    capabilities: { ...ABLE, ...capabilities },
    allowReadableWriteCredential: allowReadableWriteCredential ?? false,
  })
  const { upload } = exampleBucket()
  const bucket = exampleBucket({
    upload: { ...upload, writeOnce, strictHeaders: strictHeaders ?? false },
  })
  assertUploadEnforceable(bucket, placeOf(key ?? 'k', { store }), { ...UPLOAD, ...wanted })
}

describe('an upload that the store would keep', () => {
  it.each<[string, Case]>([
    [
      'everything',
      {
        writeOnce: true,
        strictHeaders: true,
        wanted: { sha256: SHA256, bindings: { storageClass: 'X', tags: true, encryption: true } },
      },
    ],
    [
      'a SHA-256 by payload hash alone',
      { capabilities: { checksumSha256: 'no' }, wanted: { sha256: SHA256 } },
    ],
    [
      'a SHA-256 by checksum alone',
      { capabilities: { payloadHash: 'no' }, wanted: { sha256: SHA256 } },
    ],
    ['no write-once, when the bucket leaves it open', { capabilities: { writeOnce: 'ignored' } }],
    [
      'no write-once, for an overwrite',
      { capabilities: { writeOnce: 'ignored' }, writeOnce: true, wanted: { overwrite: true } },
    ],
    [
      'an open copy hole, with the override',
      { capabilities: { unsignedCopySource: 'open' }, allowReadableWriteCredential: true },
    ],
    ['exactly the largest PUT', { capabilities: { maxPutBytes: 5 } }],
    ['exactly the longest life', { wanted: { expiresInSeconds: 604_770 } }],
    ['a key that is kept', { capabilities: { brokenKeys: ['//'] }, key: 'a/b' }],
  ])('is signed: %s', (_, given) => {
    expect(() => check(given)).not.toThrow()
  })

  it.each<[string, Case]>([
    ['unsignedCopySource', { capabilities: { unsignedCopySource: 'open' } }],
    ['unsignedCopySource', { capabilities: { unsignedCopySource: 'probe' } }],
    ['signedLength', { capabilities: { signedLength: 'probe' } }],
    ['signedLength', { capabilities: { signedLength: 'no' } }],
    ['signedType', { capabilities: { signedType: 'probe' } }],
    ['writeOnce', { capabilities: { writeOnce: 'ignored' }, writeOnce: true }],
    ['writeOnce', { capabilities: { writeOnce: 'refused' }, writeOnce: true }],
    ['writeOnce', { capabilities: { writeOnce: 'probe' }, writeOnce: true }],
    [
      'checksum',
      {
        capabilities: { checksumSha256: 'probe', payloadHash: 'probe' },
        wanted: { sha256: SHA256 },
      },
    ],
    ['maxPutBytes', { capabilities: { maxPutBytes: 4 } }],
    ['tagging', { capabilities: { tagging: 'probe' }, wanted: { bindings: { tags: true } } }],
    [
      'encryption',
      { capabilities: { encryption: 'probe' }, wanted: { bindings: { encryption: true } } },
    ],
    ['maxExpires', { wanted: { expiresInSeconds: 604_771 } }],
    ['keys', { capabilities: { brokenKeys: ['//'] }, key: 'a//b' }],
  ])('422 %s: %j', (capability, given) => {
    expect(() => check(given)).toThrow(
      expect.objectContaining({ code: 'UnsupportedByStore', details: { capability } }),
    )
  })

  it('422: a separate write credential is no proof that it cannot read', () => {
    const base = exampleStore()
    const write = { ...base.credentials.write, accessKeyId: 'WRITE' }
    const store = exampleStore({
      capabilities: { ...ABLE, unsignedCopySource: 'open' },
      credentials: { ...base.credentials, write },
    })
    expect(() => assertUploadEnforceable(exampleBucket(), placeOf('k', { store }), UPLOAD)).toThrow(
      'could copy what its credential may read',
    )
  })

  it('is judged with the prefix of the placement', () => {
    const store = storeWith({ brokenKeys: ['//'] })
    const place = placeOf('a', { store, prefix: 'x//' })
    expect(() => assertUploadEnforceable(exampleBucket(), place, UPLOAD)).toThrow('are not kept')
  })

  it.each(PROVIDERS.filter((provider) => !ABLE_PROVIDERS.includes(provider)))(
    '422: nothing is signed for %s until a probe has looked',
    (provider) => {
      const capabilities = profileOf(provider)?.capabilities ?? ABLE
      expect(() => check({ capabilities })).toThrow(
        expect.objectContaining({ code: 'UnsupportedByStore' }),
      )
    },
  )

  it.each(ABLE_PROVIDERS)('is signed for %s by its profile alone', (provider) => {
    expect(() => check({ capabilities: profileOf(provider)?.capabilities ?? {} })).not.toThrow()
  })
})

describe('a form that the store would keep', () => {
  const form = (given: Case): Case => ({ ...given, wanted: { form: 'post', ...given.wanted } })

  it.each<[string, Case]>([
    ['an exact size', {}],
    ['a range of sizes', { wanted: { exactSize: false } }],
    [
      'an open copy hole, and nothing that a PUT would need',
      {
        capabilities: {
          unsignedCopySource: 'open',
          writeCredentialReads: 'yes',
          signedLength: 'no',
          signedType: 'no',
          unsignedHeaders: 'accept',
        },
        strictHeaders: true,
      },
    ],
    ['no write-once, when the bucket leaves it open', {}],
    ['no write-once, for an overwrite', { writeOnce: true, wanted: { overwrite: true } }],
    ['exactly the largest', { capabilities: { maxPutBytes: 5 } }],
    ['tags and encryption', { wanted: { bindings: { tags: true, encryption: true } } }],
    ['cache control and the like', { wanted: { bindings: { headers: true } } }],
  ])('is signed: %s', (_, given) => {
    expect(() => check(form(given))).not.toThrow()
  })

  it.each<[string, Case]>([
    ['postPolicy', { capabilities: { postPolicy: 'probe' } }],
    ['postPolicy', { capabilities: { postPolicy: 'no' } }],
    ['writeOnce', { writeOnce: true }],
    ['checksum', { wanted: { sha256: SHA256 } }],
    ['maxPutBytes', { capabilities: { maxPutBytes: 4 } }],
    ['tagging', { capabilities: { tagging: 'probe' }, wanted: { bindings: { tags: true } } }],
    [
      'encryption',
      { capabilities: { encryption: 'no' }, wanted: { bindings: { encryption: true } } },
    ],
    [
      'formHeaders',
      { capabilities: { formHeaders: 'no' }, wanted: { bindings: { headers: true } } },
    ],
    ['keys', { capabilities: { brokenKeys: ['//'] }, key: 'a//b' }],
    ['maxExpires', { wanted: { expiresInSeconds: 604_771 } }],
  ])('422 %s: %j', (capability, given) => {
    expect(() => check(form(given))).toThrow(
      expect.objectContaining({ code: 'UnsupportedByStore', details: { capability } }),
    )
  })

  it.each(['put', 'multipart'] as const)('422: a %s cannot leave the size open', (kind) => {
    expect(() => check({ wanted: { form: kind, exactSize: false } })).toThrow(
      expect.objectContaining({ details: { capability: 'postPolicy' } }),
    )
  })
})

describe('parts that the store would keep', () => {
  const parts = (given: Case): Case => ({
    ...given,
    wanted: { form: 'multipart', ...given.wanted },
  })

  it.each<[string, Case]>([
    ['write-once', { writeOnce: true }],
    ['write-once on completing alone', { capabilities: { writeOnce: 'refused' }, writeOnce: true }],
    ['more than one PUT takes', { capabilities: { maxPutBytes: 4 } }],
    ['a type that a PUT could not bind', { capabilities: { signedType: 'no' } }],
    ['checksums of parts', { wanted: { partSha256: true } }],
    [
      'checksums of parts by payload hash alone',
      { capabilities: { checksumSha256: 'no' }, wanted: { partSha256: true } },
    ],
    [
      'strict headers, for a part has none of its own',
      { capabilities: { unsignedHeaders: 'accept' }, strictHeaders: true },
    ],
    [
      'no write-once, for an overwrite',
      {
        capabilities: { writeOnceMultipart: 'no' },
        writeOnce: true,
        wanted: { overwrite: true },
      },
    ],
    [
      'an open copy hole, with the override',
      { capabilities: { unsignedCopySource: 'open' }, allowReadableWriteCredential: true },
    ],
  ])('are signed: %s', (_, given) => {
    expect(() => check(parts(given))).not.toThrow()
  })

  it.each<[string, Case]>([
    ['multipart', { capabilities: { multipart: 'probe' } }],
    ['multipart', { capabilities: { multipart: 'no' } }],
    ['signedLength', { capabilities: { signedLength: 'no' } }],
    ['unsignedCopySource', { capabilities: { unsignedCopySource: 'open' } }],
    ['writeOnceMultipart', { capabilities: { writeOnceMultipart: 'probe' }, writeOnce: true }],
    ['writeOnceMultipart', { capabilities: { writeOnceMultipart: 'no' }, writeOnce: true }],
    ['checksum', { wanted: { sha256: SHA256 } }],
    [
      'checksum',
      { capabilities: { checksumSha256: 'no', payloadHash: 'no' }, wanted: { partSha256: true } },
    ],
    [
      'multipartTagging',
      { capabilities: { multipartTagging: 'probe' }, wanted: { bindings: { tags: true } } },
    ],
    ['tagging', { capabilities: { tagging: 'no' }, wanted: { bindings: { tags: true } } }],
    ['keys', { capabilities: { brokenKeys: ['//'] }, key: 'a//b' }],
  ])('422 %s: %j', (capability, given) => {
    expect(() => check(parts(given))).toThrow(
      expect.objectContaining({ code: 'UnsupportedByStore', details: { capability } }),
    )
  })
})

describe('a bucket with strict headers', () => {
  const BOUND = [
    ['storageClass', 'x-amz-storage-class'],
    ['tags', 'x-amz-tagging'],
    ['encryption', 'x-amz-server-side-encryption'],
  ] as const
  const refusalOf = (act: () => void): GatewayError => {
    try {
      act()
    } catch (error) {
      if (error instanceof GatewayError) return error
    }
    throw new Error('it was not refused')
  }
  const strict = (capabilities: Partial<Capabilities>, bindings: EnforceableUpload['bindings']) =>
    check({ capabilities, strictHeaders: true, wanted: { bindings } })

  it('takes a PUT to which nothing can be added that tells the store what to do', () => {
    expect(() => strict({}, {})).not.toThrow()
    const lenient = { unsignedHeaders: 'reject-some' } as const
    const all = { storageClass: 'STANDARD', tags: true, encryption: true }
    // A key of the holder's own cannot be pinned: no value of its headers asks for none.
    expect(() => strict(lenient, all)).toThrow('x-amz-server-side-encryption-customer-*')
    for (const [bound, name] of BOUND) {
      const { message: without } = refusalOf(() => strict(lenient, { ...all, [bound]: undefined }))
      const { message: named, details } = refusalOf(() => strict(lenient, all))
      expect(without).toMatch(new RegExp(`${name}(?:,|$)`))
      expect(named).not.toMatch(new RegExp(`${name}(?:,|$)`))
      expect(details).toEqual({ capability: 'unsignedHeaders' })
    }
  })

  it('422: names what could be added', () => {
    expect(() => strict({ unsignedHeaders: 'probe' }, {})).toThrow('x-amz-acl, x-amz-grant-*')
    expect(() => check({ capabilities: { unsignedHeaders: 'probe' } })).not.toThrow()
  })
})

describe('a download that the store would keep', () => {
  const able = placeOf('k')
  const unable = placeOf('k', { store: storeWith({ responseOverrides: 'probe' }) })

  it('is signed, with any disposition', () => {
    expect(() =>
      assertDownloadEnforceable(able, { ...DOWNLOAD, disposition: 'attachment' }),
    ).not.toThrow()
    expect(() => assertDownloadEnforceable(unable, DOWNLOAD)).not.toThrow()
  })

  it.each([
    [{ disposition: 'attachment' }],
    [{ disposition: 'inline', filename: 'a.txt' }],
  ] as const)('422: %j, where overrides are not known to be kept', (wanted) => {
    expect(() => assertDownloadEnforceable(unable, { ...DOWNLOAD, ...wanted })).toThrow(
      expect.objectContaining({ details: { capability: 'responseOverrides' } }),
    )
  })
})

describe('a store that was seen to', () => {
  const SEEN = [
    ['signatures', 'take requests that nobody signed'],
    ['methodBound', 'take a URL for other methods'],
    ['expiry', 'take a URL that has expired'],
  ] as const
  const FORMS = ['put', 'post', 'multipart'] as const

  it.each(SEEN)('422 %s: %s: signs neither uploads nor downloads', (capability) => {
    const place = placeOf('k', { store: storeWith({ [capability]: 'no' }) })
    const refused = expect.objectContaining({
      code: 'UnsupportedByStore',
      details: { capability },
    })
    for (const form of FORMS) {
      expect(() => assertUploadEnforceable(exampleBucket(), place, { ...UPLOAD, form })).toThrow(
        refused,
      )
    }
    expect(() => assertDownloadEnforceable(place, DOWNLOAD)).toThrow(refused)
  })

  it.each(SEEN)('is not one that nobody has looked at: %s', (capability) => {
    const place = placeOf('k', { store: storeWith({ [capability]: 'probe' }) })
    for (const form of FORMS) {
      expect(() =>
        assertUploadEnforceable(exampleBucket(), place, { ...UPLOAD, form }),
      ).not.toThrow()
    }
    expect(() => assertDownloadEnforceable(place, DOWNLOAD)).not.toThrow()
  })

  it.each<[string, Partial<Store>, boolean]>([
    ['a name of its own', { publicEndpoint: 'https://files.example.test' }, true],
    ['the name that the gateway uses', {}, false],
    [
      'another name that the profile allows',
      { provider: 'aws', publicEndpoint: 'https://s3.dualstack.eu-central-1.amazonaws.com' },
      false,
    ],
  ])('422 customDomain: refuse URLs for its public endpoint: %s', (_, overrides, isRefused) => {
    const store = exampleStore({ ...overrides, traits: { ...NO_TRAITS, customDomain: 'no' } })
    const place = placeOf('k', { store })
    const upload = () => assertUploadEnforceable(exampleBucket(), place, UPLOAD)
    const download = () => assertDownloadEnforceable(place, DOWNLOAD)
    for (const sign of [upload, download]) {
      if (isRefused) {
        expect(sign).toThrow(expect.objectContaining({ details: { capability: 'customDomain' } }))
      } else expect(sign).not.toThrow()
    }
    const unknown = placeOf('k', { store: { ...store, traits: NO_TRAITS } })
    expect(() => assertDownloadEnforceable(unknown, DOWNLOAD)).not.toThrow()
  })
})
