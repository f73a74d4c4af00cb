import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type DirectoryEntity,
  documentName,
  entityOf,
} from '../../../src/config/directory/document-name.ts'

const id = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
const entity: fc.Arbitrary<DirectoryEntity> = fc.oneof(
  id.map((plan) => ({ kind: 'plan', plan }) as const),
  id.map((tenant) => ({ kind: 'tenant', tenant }) as const),
  fc.tuple(id, id).map(([tenant, user]) => ({ kind: 'user', tenant, user }) as const),
  id.map((key) => ({ kind: 'key', key }) as const),
)

describe('names of documents', () => {
  it('tell what they are about, so that no two entities share one', () => {
    fc.assert(
      fc.property(entity, (one) => {
        const name = documentName(one)
        expect(name).toMatch(/^[a-zA-Z0-9._:/-]+$/)
        expect(entityOf(name)).toEqual(one)
      }),
    )
  })

  it.each([
    'directory',
    'directory/plan/',
    'directory/plan/a/b',
    'directory/user/a',
    'directory/user/a/b/c',
    'directory/other/a',
    'probe/plan/a',
    'directory/plan/.4',
    'directory/plan/.41',
    'directory/plan/.ff',
  ])('are nobody else’s: %s', (name) => {
    expect(entityOf(name)).toBeUndefined()
  })
})
