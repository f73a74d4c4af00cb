import { describe, expect, it } from 'vitest'
import { toHex } from '../../src/hashing.ts'
import { partitionOf } from '../../src/ledger/partitions.ts'
import { subjectId } from '../../src/ledger/subject-id.ts'
import { isUploadId, newUploadId, uploadIdFor } from '../../src/ledger/upload-id.ts'
import { nodeHashing as hashing } from '../../src/runtime/node-hashing.ts'

const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))

describe('a subject id', () => {
  it('is its letter and 16 characters of base64url', () => {
    expect(subjectId(hashing, 'salt', 'u', 'acme', 'alice')).toMatch(/^u[A-Za-z0-9_-]{16}$/)
  })

  it('is another for any other salt, letter, tenant or name, however they are cut', () => {
    const parts: Parameters<typeof subjectId>[] = [
      [hashing, 'salt', 'u', 'acme', 'alice'],
      [hashing, 'other', 'u', 'acme', 'alice'],
      [hashing, 'salt', 'k', 'acme', 'alice'],
      [hashing, 'salt', 'u', 'acm', 'ealice'],
      [hashing, 'salt', 'u', 'acmealice', ''],
      [hashing, 'salt', 'u', '', 'acmealice'],
      [hashing, 'salt', 'u', 'acme5:alice', ''],
      [hashing, 'salt', 'u', 'acme', '5:alice'],
    ]
    const ids = parts.map((part) => subjectId(...part).slice(1))
    expect(new Set(ids).size).toBe(ids.length)
  })
})

describe('an upload id', () => {
  it('sorts by time, to the millisecond', () => {
    const ids = [1, 2, 1_000, 1_768_478_400_123, 1_768_478_400_124].map((ms) =>
      newUploadId(random, ms),
    )
    expect(ids).toEqual(ids.toSorted((a, b) => (a < b ? -1 : 1)))
    for (const id of ids) expect(isUploadId(id)).toBe(true)
  })

  it('is never the same twice in a millisecond', () => {
    const ids = Array.from({ length: 10_000 }, () => newUploadId(random, 1_768_478_400_123))
    expect(new Set(ids).size).toBe(ids.length)
  })

  it('of an idempotency key is always the same, and another for each caller and key', () => {
    const of = (...names: [string, string, string]) => uploadIdFor(hashing, ...names)
    expect(of('acme', 'alice', 'key')).toBe(of('acme', 'alice', 'key'))
    const ids = [
      of('acme', 'alice', 'key'),
      of('acme', 'alicek', 'ey'),
      of('acmea', 'lice', 'key'),
      of('acme', 'bob', 'key'),
    ]
    expect(new Set(ids).size).toBe(4)
    for (const id of ids) expect(isUploadId(id)).toBe(true)
  })

  it.each([
    '',
    'up_',
    'up_0',
    'del_01ja3b9xk2m4n5p6q7r8s9t0vw',
    `up_${'i'.repeat(26)}`,
    ` up_${'0'.repeat(26)}`,
    `up_${'0'.repeat(26)}\n`,
  ])('is not %j', (text) => {
    expect(isUploadId(text)).toBe(false)
  })
})

describe('a partition', () => {
  it('is the first byte of SHA-256 of the tenant, over as many as there are', () => {
    const first = Number.parseInt(toHex(hashing.sha256('acme')).slice(0, 2), 16)
    expect(partitionOf(hashing, 'acme', 256)).toBe(first)
    expect(partitionOf(hashing, 'acme', 16)).toBe(first % 16)
    expect(partitionOf(hashing, 'acme', 1)).toBe(0)
  })
})
