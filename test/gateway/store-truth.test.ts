import { describe, expect, it } from 'vitest'
import { needsProbe } from '../../src/gateway/store-truth.ts'
import { PROVIDERS, profileOf } from '../../src/stores/profile-of.ts'
import { ABLE, exampleStore, storeWith } from '../stores/store-fixture.ts'

describe('a store', () => {
  it.each([
    'signedLength',
    'signedType',
    'writeOnce',
    'unsignedCopySource',
    'unsignedHeaders',
    'responseOverrides',
    'postPolicy',
    'multipart',
    'writeOnceMultipart',
    'tagging',
    'encryption',
  ])('is probed while nobody knows %s', (capability) => {
    expect(needsProbe(storeWith({ [capability]: 'probe' }))).toBe(true)
    expect(needsProbe(storeWith({ [capability]: 'no' }))).toBe(false)
  })

  it.each([
    'ifMatch',
    'checksumSha256',
    'payloadHash',
    'contentMd5',
    'formHeaders',
    'writeCredentialReads',
  ])('is not probed for %s alone, which only makes a grant better', (capability) => {
    expect(needsProbe(storeWith({ [capability]: 'probe' }))).toBe(false)
  })

  it('needs no probe at start where its profile knows all of that', () => {
    const known = PROVIDERS.filter((provider) => {
      const { capabilities = ABLE } = profileOf(provider) ?? {}
      return !needsProbe(exampleStore({ capabilities }))
    })
    expect(known).toEqual(['aws', 'embedded', 'garage'])
  })
})
