import { describe, expect, it } from 'vitest'
import type { UploadRules } from '../../src/stores/bucket.ts'
import type { Capabilities } from '../../src/stores/capabilities.ts'
import { chooseForm, type FormRequest } from '../../src/stores/choose-form.ts'
import { ABLE, exampleBucket } from './store-fixture.ts'

const THRESHOLD = 64 * 2 ** 20
const LARGEST_PUT = 5 * 2 ** 30

interface Case {
  capabilities?: Partial<Capabilities>
  wanted?: Partial<FormRequest>
  upload?: Partial<UploadRules>
}

function choose({ capabilities, wanted, upload }: Case): string {
  const bucket = exampleBucket({ upload: { ...exampleBucket().upload, ...upload } })
  const request: FormRequest = { mode: 'auto', sizeBytes: 5, overwrite: false, ...wanted }
  return chooseForm(bucket, { ...ABLE, ...capabilities }, request)
}

const large = { sizeBytes: THRESHOLD + 1 }
const huge = { sizeBytes: LARGEST_PUT + 1 }

describe('the form of an upload', () => {
  it.each(['put', 'post', 'multipart'] as const)('is the one that was asked for: %s', (mode) => {
    expect(choose({ wanted: { mode } })).toBe(mode)
    expect(choose({ wanted: { mode, ...huge } })).toBe(mode)
    expect(choose({ wanted: { mode }, capabilities: { signedLength: 'no' } })).toBe(mode)
  })

  it('is a PUT up to the threshold, and parts above it', () => {
    expect(choose({ wanted: { sizeBytes: THRESHOLD } })).toBe('put')
    expect(choose({ wanted: large })).toBe('multipart')
    expect(choose({ wanted: { sizeBytes: 11 }, upload: { multipartThresholdBytes: 10 } })).toBe(
      'multipart',
    )
  })

  it.each<['multipart' | 'put', Case]>([
    ['multipart', { upload: { writeOnce: true } }],
    ['put', { upload: { writeOnce: undefined } }],
    ['put', { upload: { writeOnce: true }, wanted: { overwrite: true } }],
    ['put', { upload: { writeOnce: true }, wanted: { sha256: 'digest' } }],
  ])('is %s where a PUT is not write-once and parts are: %j', (form, given) => {
    const capabilities = { writeOnce: 'refused', writeOnceMultipart: 'yes' } as const
    expect(choose({ ...given, capabilities })).toBe(form)
  })

  it.each<[string, Case]>([
    ['parts work', { capabilities: { multipart: 'probe' } }],
    ['parts are write-once as well', { capabilities: { writeOnceMultipart: 'probe' } }],
    ['nothing binds the whole content', { wanted: { sha256: 'digest' } }],
    [
      'tags are kept as well',
      { wanted: { tags: new Map([['a', 'b']]) }, capabilities: { multipartTagging: 'no' } },
    ],
  ])('is parts above the threshold only where %s', (_, given) => {
    expect(choose({ ...given, wanted: { ...large, ...given.wanted } })).toBe('put')
  })

  it.each<[string, Case]>([
    ['an overwrite', { wanted: { overwrite: true } }],
    ['a bucket that wants no write-once', { upload: { writeOnce: false } }],
    ['a store where a PUT has none either', { capabilities: { writeOnce: 'ignored' } }],
  ])('loses nothing by parts without write-once: %s', (_, given) => {
    const capabilities = { ...given.capabilities, writeOnceMultipart: 'no' } as const
    expect(choose({ ...given, capabilities, wanted: { ...large, ...given.wanted } })).toBe(
      'multipart',
    )
  })

  it('is parts above the largest PUT, for there is nothing else', () => {
    const upload = { multipartThresholdBytes: LARGEST_PUT }
    expect(choose({ upload, wanted: { sizeBytes: LARGEST_PUT } })).toBe('put')
    const weak = { multipart: 'no', writeOnceMultipart: 'no', signedLength: 'no' } as const
    expect(choose({ upload, wanted: huge, capabilities: weak })).toBe('multipart')
  })

  it.each(['no', 'probe'] as const)('is a form where a PUT binds no size: %s', (signedLength) => {
    expect(choose({ capabilities: { signedLength } })).toBe('post')
    expect(choose({ capabilities: { signedLength }, wanted: large })).toBe('post')
  })

  it.each<[string, Case]>([
    ['the conditions of a form are not kept', { capabilities: { postPolicy: 'probe' } }],
    ['write-once is demanded', { upload: { writeOnce: true } }],
    ['a checksum was given', { wanted: { sha256: 'digest' } }],
  ])('stays a PUT, to be refused, where %s', (_, given) => {
    const capabilities = { signedLength: 'no', ...given.capabilities } as const
    expect(choose({ ...given, capabilities })).toBe('put')
  })

  it('is a form for an overwrite where write-once is demanded of others', () => {
    const given = { capabilities: { signedLength: 'no' }, upload: { writeOnce: true } } as const
    expect(choose({ ...given, wanted: { overwrite: true } })).toBe('post')
  })
})
