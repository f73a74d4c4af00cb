import { describe, expect, it } from 'vitest'
import { configText, expectProblem, load, problemsOf, warningsOf } from './config-fixture.ts'

const UPLOAD = 'buckets.media.upload'

async function uploadOf(upload: object) {
  return (await load({ [UPLOAD]: upload })).config.buckets.get('media')?.upload
}

describe('what may be uploaded to a bucket', () => {
  it('turns to parts above 64 MiB, or above what its store takes in one PUT', async () => {
    const { config } = await load({ 'stores.main.capabilities': { maxPutBytes: 10_000_000 } })
    expect(config.buckets.get('media')?.upload.multipartThresholdBytes).toBe(10_000_000)
    expect((await uploadOf({}))?.multipartThresholdBytes).toBe(67_108_864)
    expect((await uploadOf({ multipartThresholdBytes: 5_242_880 }))?.multipartThresholdBytes).toBe(
      5_242_880,
    )
    await expectProblem(
      { [UPLOAD]: { multipartThresholdBytes: 5_242_879 } },
      `${UPLOAD}.multipartThresholdBytes: must be a whole number from 5242880 to 1125899906842624`,
    )
  })

  it('cannot wait for parts longer than one PUT goes', async () => {
    const threshold = (multipartThresholdBytes: number) =>
      configText({ [UPLOAD]: { multipartThresholdBytes } })
    expect(await problemsOf(threshold(5_368_709_120))).toEqual([])
    expect(await problemsOf(threshold(5_368_709_121))).toEqual([
      `${UPLOAD}.multipartThresholdBytes: must be at most 5368709120, what its store takes in one PUT`,
    ])
  })

  it('can be resumed for an hour to seven days', async () => {
    for (const multipartLifetimeSeconds of [3_600, 604_800]) {
      expect(await uploadOf({ multipartLifetimeSeconds })).toMatchObject({
        multipartLifetimeSeconds,
      })
    }
    for (const multipartLifetimeSeconds of [3_599, 604_801]) {
      await expectProblem(
        { [UPLOAD]: { multipartLifetimeSeconds } },
        `${UPLOAD}.multipartLifetimeSeconds: must be a whole number from 3600 to 604800`,
      )
    }
  })

  it('may have storage classes and tags that callers choose', async () => {
    const classes = ['STANDARD_IA', 'GLACIER_IR', 'A'.repeat(64)]
    const tags = ['album', 'Größe in cm', 'a_.:/=+@-b', 'é'.repeat(128)]
    const upload = await uploadOf({ storageClasses: classes, tagKeys: tags })
    expect(upload?.storageClasses).toEqual(new Set(classes))
    expect(upload?.tagKeys).toEqual(new Set(tags))
  })

  it.each(['', 'standard', 'STANDARD-IA', ' ', 'A'.repeat(65)])(
    'refuses the storage class %j',
    async (name) => {
      await expectProblem(
        { [UPLOAD]: { storageClasses: [name] } },
        `${UPLOAD}.storageClasses[0]: must be a storage class of 1 to 64 of A-Z, 0-9 and "_", like STANDARD_IA`,
      )
    },
  )

  it.each(['', 'a&b', 'a\n', 'aws:x', 'AWS:x', 'a'.repeat(129), '😀'])(
    'refuses the tag key %j',
    async (key) => {
      await expectProblem(
        { [UPLOAD]: { tagKeys: [key] } },
        `${UPLOAD}.tagKeys[0]: must be a tag key of 1 to 128 letters, digits, spaces and _ . : / = + - @, not aws:…`,
      )
    },
  )

  it.each([
    ['storageClasses', 32],
    ['tagKeys', 50],
  ])('takes so many %s and no more: %i', async (member, most) => {
    const names = (count: number) => Array.from({ length: count }, (_, index) => `N${index}`)
    expect(await problemsOf(configText({ [UPLOAD]: { [member]: names(most) } }))).toEqual([])
    await expectProblem(
      { [UPLOAD]: { [member]: names(most + 1) } },
      `${UPLOAD}.${member}: must have at most ${most} items`,
    )
  })

  it('is encrypted by default as it says, and callers may ask for the default too', async () => {
    expect((await uploadOf({ encryption: { default: 'AES256' } }))?.encryption).toEqual({
      default: 'AES256',
      allowed: new Set(['AES256']),
    })
    const both = { default: 'AES256', allowed: ['AES256', 'aws:kms'], kmsKeyId: 'arn:aws:kms:x' }
    expect((await uploadOf({ encryption: both }))?.encryption).toEqual({
      ...both,
      allowed: new Set(['AES256', 'aws:kms']),
    })
  })

  it.each<[object, string]>([
    [
      { default: 'AES256', allowed: ['aws:kms'] },
      'encryption.default: must be among allowed, or stand alone',
    ],
    [{ default: 'AES256', kmsKeyId: 'k' }, 'encryption.kmsKeyId: goes with aws:kms only'],
    [{ kmsKeyId: 'k' }, 'encryption.kmsKeyId: goes with aws:kms only'],
    [
      { default: 'aws:kms', kmsKeyId: 'a b' },
      'encryption.kmsKeyId: must be printable ASCII without spaces',
    ],
    [{ default: 'aes256' }, 'encryption.default: must be one of: AES256, aws:kms'],
  ])('cannot be encrypted with %j', async (encryption, problem) => {
    await expectProblem({ [UPLOAD]: { encryption } }, `${UPLOAD}.${problem}`)
  })

  it('cannot promise what its store is known to drop; what is unknown, the probe decides', async () => {
    const on = (upload: object, capabilities: object) => ({
      [UPLOAD]: upload,
      'stores.main.capabilities': capabilities,
    })
    const tags = { tagKeys: ['album'] }
    const encrypted = { encryption: { allowed: ['AES256'] } }
    const byDefault = { encryption: { default: 'AES256' } }
    await expectProblem(
      on(tags, { tagging: 'no' }),
      `${UPLOAD}.tagKeys: cannot be kept by store "main": it has no tags`,
    )
    for (const upload of [encrypted, byDefault]) {
      await expectProblem(
        on(upload, { encryption: 'no' }),
        `${UPLOAD}.encryption: cannot be kept by store "main": it has no encryption header`,
      )
    }
    for (const known of ['yes', 'probe']) {
      const capabilities = { tagging: known, encryption: known }
      const text = configText(on({ ...tags, ...encrypted }, capabilities))
      expect(await problemsOf(text)).toEqual([])
    }
    expect(await problemsOf(configText(on({}, { tagging: 'no', encryption: 'no' })))).toEqual([])
  })
})

describe('strict headers', () => {
  it('warn where no PUT can ever pass, and not where the probe has yet to look', async () => {
    const on = (unsignedHeaders: string, strictHeaders = true, more: object = {}) =>
      warningsOf({
        [UPLOAD]: { strictHeaders },
        'stores.main.capabilities': { unsignedHeaders, ...more },
      })
    expect(await on('accept')).toEqual([
      `${UPLOAD}.strictHeaders: refuses every PUT to store "main", where x-amz-acl can be added: only forms and parts are left`,
    ])
    for (const known of ['reject', 'probe']) expect(await on(known)).toEqual([])
    expect(await on('accept', false)).toEqual([])
    // What could be pinned is named only where it is not.
    const fixedHeaders = {
      'x-amz-object-lock-legal-hold': 'OFF',
      'x-amz-object-lock-mode': 'GOVERNANCE',
      'x-amz-object-lock-retain-until-date': '2030-01-01T00:00:00Z',
      'x-amz-server-side-encryption-aws-kms-key-id': 'k',
      'x-amz-server-side-encryption-bucket-key-enabled': 'false',
      'x-amz-server-side-encryption-context': 'e30=',
    }
    expect(await on('reject-some', true, { fixedHeaders })).toEqual([
      expect.stringContaining('where x-amz-server-side-encryption-customer-* can be added'),
    ])
  })
})

describe('a URL that downloads share', () => {
  it('ends its window before it ends itself', async () => {
    const download = (expiresInSeconds: number, stableForSeconds: number) =>
      configText({ 'buckets.media.download': { expiresInSeconds, stableForSeconds } })
    expect(await problemsOf(download(300, 299))).toEqual([])
    expect(await problemsOf(download(300, 300))).toEqual([
      'buckets.media.download.stableForSeconds: must be below expiresInSeconds, 300',
    ])
    expect(await problemsOf(download(1, 0))).toEqual([])
  })
})
