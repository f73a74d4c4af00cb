import { describe, expect, it } from 'vitest'
import type { Capabilities } from '../../src/stores/capabilities.ts'
import {
  assertDownloadEnforceable,
  assertUploadEnforceable,
  type EnforceableUpload,
} from '../../src/stores/enforceable.ts'
import { guaranteesOf } from '../../src/stores/guarantees.ts'
import { PROVIDERS, profileOf } from '../../src/stores/profile-of.ts'
import { ABLE, exampleBucket, exampleStore, placeOf, storeWith } from './store-fixture.ts'

const UPLOAD: EnforceableUpload = { sizeBytes: 5, overwrite: false }
const SHA256 = '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='

/** Whose profile says that length and type are bound and that the copy hole is closed. */
const ABLE_PROVIDERS = ['aws', 'embedded', 'garage', 'seaweedfs', 'swift']

interface Case {
  capabilities?: Partial<Capabilities>
  wanted?: Partial<EnforceableUpload>
  writeOnce?: boolean
  allowReadableWriteCredential?: boolean
  key?: string
}

function check({ capabilities, wanted, writeOnce, allowReadableWriteCredential, key }: Case): void {
  const store = exampleStore({
    capabilities: { ...ABLE, ...capabilities },
    allowReadableWriteCredential: allowReadableWriteCredential ?? false,
  })
  const { upload } = exampleBucket()
  const bucket = exampleBucket({ upload: { ...upload, writeOnce } })
  assertUploadEnforceable(bucket, placeOf(key ?? 'k', { store }), { ...UPLOAD, ...wanted })
}

describe('an upload that the store would keep', () => {
  it.each<[string, Case]>([
    ['everything', { writeOnce: true, wanted: { sha256: SHA256 } }],
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

describe('a download that the store would keep', () => {
  const able = placeOf('k')
  const unable = placeOf('k', { store: storeWith({ responseOverrides: 'probe' }) })

  it('is signed, with any disposition', () => {
    expect(() => assertDownloadEnforceable(able, { disposition: 'attachment' })).not.toThrow()
    expect(() => assertDownloadEnforceable(unable, { disposition: 'inline' })).not.toThrow()
  })

  it.each([
    [{ disposition: 'attachment' }],
    [{ disposition: 'inline', filename: 'a.txt' }],
  ] as const)('422: %j, where overrides are not known to be kept', (wanted) => {
    expect(() => assertDownloadEnforceable(unable, wanted)).toThrow(
      expect.objectContaining({ details: { capability: 'responseOverrides' } }),
    )
  })
})

describe('guarantees', () => {
  it('name what is kept', () => {
    expect(guaranteesOf(ABLE, { writeOnce: true, sha256: true })).toEqual({
      size: 'exact',
      contentType: true,
      writeOnce: true,
      checksum: 'sha256',
    })
  })

  it('never name what was not asked, or is not known to be kept', () => {
    expect(guaranteesOf(ABLE, { writeOnce: false, sha256: false })).toMatchObject({
      writeOnce: false,
      checksum: 'none',
    })
    const weak = storeWith({ writeOnce: 'probe', checksumSha256: 'probe', payloadHash: 'probe' })
    expect(guaranteesOf(weak.capabilities, { writeOnce: true, sha256: true })).toMatchObject({
      writeOnce: false,
      checksum: 'none',
    })
  })
})
