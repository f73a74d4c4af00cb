import { describe, expect, it } from 'vitest'
import type { Capabilities } from '../../src/stores/capabilities.ts'
import type { GrantForm } from '../../src/stores/choose-form.ts'
import { type AskedGuarantees, guaranteesOf } from '../../src/stores/guarantees.ts'
import { profileOf } from '../../src/stores/profile-of.ts'
import { unpinnedAmzHeaders, unpinnedHeaders } from '../../src/stores/unpinned-headers.ts'
import { ABLE } from './store-fixture.ts'

const FORMS: readonly GrantForm[] = ['put', 'post', 'multipart']
const ORDINARY = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'expires',
]
const ROBOTS = 'x-robots-tag'

function guarantees(
  form: GrantForm,
  capabilities: Partial<Capabilities> = {},
  asked: Partial<AskedGuarantees> = {},
) {
  return guaranteesOf(
    { ...ABLE, ...capabilities },
    { form, exactSize: true, writeOnce: true, sha256: true, md5: false, ...asked },
  )
}

describe('guarantees', () => {
  it('name what a PUT keeps', () => {
    expect(guarantees('put')).toEqual({
      size: 'exact',
      contentType: true,
      writeOnce: true,
      checksum: 'sha256',
      unpinnedHeaders: [...ORDINARY, ROBOTS],
    })
  })

  it('name what a form keeps: never write-once, and never a checksum', () => {
    expect(guarantees('post')).toEqual({
      size: 'exact',
      contentType: true,
      writeOnce: false,
      checksum: 'none',
      unpinnedHeaders: [],
    })
    expect(guarantees('post', {}, { exactSize: false }).size).toBe('max')
    expect(guarantees('post', { postPolicy: 'probe' })).toMatchObject({
      size: 'max',
      contentType: false,
      unpinnedHeaders: [...ORDINARY, ROBOTS],
    })
  })

  it('name what parts keep: the type is set by the gateway, write-once by completing', () => {
    const kept = {
      size: 'exact',
      contentType: true,
      writeOnce: true,
      checksum: 'sha256',
      unpinnedHeaders: [],
    }
    expect(guarantees('multipart')).toEqual(kept)
    expect(guarantees('multipart', { signedType: 'no', writeOnce: 'ignored' })).toEqual(kept)
    expect(guarantees('multipart', { writeOnceMultipart: 'probe' }).writeOnce).toBe(false)
    expect(guarantees('multipart', { multipart: 'probe' }).size).toBe('max')
    expect(guarantees('multipart', { signedLength: 'no' }).size).toBe('max')
  })

  it.each(FORMS)('never name what was not asked, for a %s', (form) => {
    expect(guarantees(form, {}, { writeOnce: false, sha256: false, md5: false })).toMatchObject({
      writeOnce: false,
      checksum: 'none',
    })
  })

  it.each(FORMS)('never name what is not known to be kept, for a %s', (form) => {
    const unknown = profileOf('generic')?.capabilities
    const { contentType, ...others } = guarantees(form, unknown)
    expect(others).toMatchObject({ size: 'max', writeOnce: false, checksum: 'none' })
    expect(contentType).toBe(form === 'multipart')
  })

  it('leave out of what could be added what a PUT signs', () => {
    const signed = ['cache-control', 'content-disposition', 'content-type']
    expect(guarantees('put', {}, { signed }).unpinnedHeaders).toEqual([
      ...ORDINARY.slice(2),
      ROBOTS,
    ])
  })
})

describe('headers that nobody signed', () => {
  const LOCKS = [
    'x-amz-object-lock-legal-hold',
    'x-amz-object-lock-mode',
    'x-amz-object-lock-retain-until-date',
  ]
  const CUSTOMER_KEY = 'x-amz-server-side-encryption-customer-*'
  const OTHERS = [
    ...LOCKS,
    'x-amz-server-side-encryption',
    'x-amz-server-side-encryption-aws-kms-key-id',
    'x-amz-server-side-encryption-bucket-key-enabled',
    'x-amz-server-side-encryption-context',
    CUSTOMER_KEY,
    'x-amz-storage-class',
    'x-amz-tagging',
    'x-amz-website-redirect-location',
  ]
  const ACCESS = ['x-amz-acl', 'x-amz-grant-*']
  const over = (capabilities: Partial<Capabilities>, signed?: string[]) =>
    unpinnedAmzHeaders({ ...ABLE, ...capabilities }, signed)

  it.each<[Capabilities['unsignedHeaders'], string[]]>([
    ['reject', []],
    ['reject-some', OTHERS],
    ['reject-meta', [...ACCESS, ...OTHERS]],
    ['accept', [...ACCESS, 'x-amz-meta-*', ...OTHERS]],
    ['probe', [...ACCESS, 'x-amz-meta-*', ...OTHERS]],
  ])('can be added to a PUT where the store has %s', (unsignedHeaders, added) => {
    expect(over({ unsignedHeaders })).toEqual(added)
    expect(unpinnedHeaders({ ...ABLE, unsignedHeaders })).toEqual([...ORDINARY, ...added, ROBOTS])
  })

  it('cannot be added where they are pinned, and a pinned ACL keeps grants out', () => {
    const capabilities = { unsignedHeaders: 'reject-meta' } as const
    expect(over({ ...capabilities, fixedHeaders: { 'x-amz-acl': 'private' } })).toEqual(OTHERS)
    expect(over(capabilities, ['x-amz-acl', ...OTHERS])).toEqual([])
    expect(over(capabilities, ['x-amz-tagging'])).not.toContain('x-amz-tagging')
  })

  it('are a copy source where the hole is open and what it copies can be read', () => {
    const open = { unsignedCopySource: 'open', unsignedHeaders: 'reject-meta' } as const
    expect(over({ ...open, writeCredentialReads: 'yes' })).toEqual([
      'x-amz-acl',
      'x-amz-copy-source',
      'x-amz-grant-*',
      ...OTHERS,
    ])
    expect(over({ unsignedCopySource: 'probe' })).toEqual(['x-amz-copy-source'])
    expect(over({ ...open, writeCredentialReads: 'no' })).not.toContain('x-amz-copy-source')
    expect(guarantees('multipart', open).unpinnedHeaders).toEqual(['x-amz-copy-source'])
    expect(guarantees('multipart').unpinnedHeaders).toEqual([])
    expect(guarantees('post', open).unpinnedHeaders).toEqual([])
  })

  it('are no matter where the store drops or refuses them anyway', () => {
    const unknown = { unsignedHeaders: 'accept', tagging: 'probe', encryption: 'probe' } as const
    expect(over(unknown)).toEqual([...ACCESS, 'x-amz-meta-*', ...OTHERS])
    const dropped = { unsignedHeaders: 'reject-some', tagging: 'no', encryption: 'no' } as const
    // A store without keys of its own may well take the holder's.
    expect(over(dropped)).toEqual([
      ...LOCKS,
      CUSTOMER_KEY,
      'x-amz-storage-class',
      'x-amz-website-redirect-location',
    ])
  })
})
