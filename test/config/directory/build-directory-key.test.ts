import { describe, expect, it } from 'vitest'
import type { Permission } from '../../../src/auth/principal.ts'
import { buildDirectoryKey } from '../../../src/config/directory/build-directory-key.ts'
import { revokedKey } from '../../../src/config/directory/change-key.ts'
import type { KeyDocument } from '../../../src/config/directory/key-document.ts'
import { createReport } from '../../../src/config/report.ts'

const KEY: KeyDocument = {
  id: 'k1',
  tenant: 'ac/me',
  user: 'alice',
  label: 'job',
  allow: [{ operations: ['upload'], buckets: ['media', 'gone'], prefix: '{tenant}/{user}/' }],
  hashes: [
    { hash: 'v1:new', last4: 'abcd', createdAtMs: 2_000 },
    { hash: 'v1:old', last4: 'wxyz', createdAtMs: 1_000, expiresAtMs: 3_000 },
  ],
  createdAtMs: 1_000,
  expiresAtMs: 9_000,
}
const CEILING: Permission = {
  operations: new Set(['upload']),
  buckets: new Set(['media']),
  prefix: '{tenant}/',
}

function build(key: KeyDocument, ceiling?: readonly Permission[]) {
  const report = createReport('directory', () => ({ line: 0, column: 0 }))
  const scope = { bucketNames: new Set(['media']), ceiling, report, path: ['keys', key.id] }
  const record = buildDirectoryKey(key, scope)
  return { record, problems: report.problems().map(({ path, message }) => `${path} ${message}`) }
}

describe('the record of a key in the directory', () => {
  it('has its secrets with their ends, and its rules and bound for this one user', () => {
    expect(build(KEY, [CEILING])).toEqual({
      record: {
        id: 'k1',
        tenant: 'ac/me',
        user: 'alice',
        label: 'job',
        hashes: [{ hash: 'v1:new' }, { hash: 'v1:old', expiresAtMs: 3_000 }],
        permissions: [
          {
            operations: new Set(['upload']),
            buckets: new Set(['media']),
            prefix: 'ac%2Fme/alice/',
          },
        ],
        ceiling: [{ ...CEILING, prefix: 'ac%2Fme/' }],
        expiresAtMs: 9_000,
        source: 'admin',
      },
      problems: [],
    })
  })

  it('has no bound where its tenant has none, and an empty one where nothing is allowed', () => {
    expect(build(KEY).record).not.toHaveProperty('ceiling')
    expect(build(KEY, []).record?.ceiling).toEqual([])
  })

  it('leaves out rules for buckets that are gone, and stays', () => {
    const allow: KeyDocument['allow'] = [
      { operations: ['list'], buckets: ['gone'], wholeBucket: true },
    ]
    expect(build({ ...KEY, allow })).toMatchObject({ record: { permissions: [] }, problems: [] })
  })

  it('tells what no rule of a configuration may be', () => {
    const allow: KeyDocument['allow'] = [
      { operations: ['list'], buckets: ['media'], prefix: 'no-slash' },
    ]
    expect(build({ ...KEY, allow }).problems).toEqual([
      expect.stringMatching(/^keys\.k1\.allow\[0\]\.prefix must/),
    ])
  })

  it('is none for a key that is revoked', () => {
    expect(build(revokedKey(KEY, 5_000)).record).toBeUndefined()
  })
})
