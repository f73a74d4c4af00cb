import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  fixedPrefix,
  type KeyNaming,
  type KeyParts,
  renderKey,
  renderPrefix,
  toSegment,
} from '../../src/policy/key-space.ts'
import { keepsOwnersApart, templateProblems } from '../../src/policy/key-template.ts'
import { refusalOf } from './policy-fixture.ts'

const parts: KeyParts = {
  principal: { tenant: 'acme', user: 'alice' },
  date: '2026-11-24',
  uuid: '0f8fad5b-d9cb-469f-a165-70867728950e',
}
const template = (text: string): KeyNaming => ({ kind: 'template', template: text })
const caller = (callerPrefix: string): KeyNaming => ({ kind: 'caller', callerPrefix })
const render = (naming: KeyNaming, more: Partial<KeyParts> = {}) =>
  renderKey(naming, { ...parts, ...more }).text
const refused = (naming: KeyNaming, more: Partial<KeyParts> = {}) =>
  refusalOf(() => render(naming, more))

const id = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
  .filter((t) => t.isWellFormed())
const oddId = fc.oneof(
  id,
  fc.constantFrom('.', '..', '...', '/', 'a/b', '../x', '\\', '%2F', '%', '{user}', '$&'),
)

describe('a key template', () => {
  it('fills in tenant, user, date, uuid and filename', () => {
    const naming = template('{tenant}/{user}/{date}/{uuid}-{filename}')
    expect(render(naming, { filename: 'cat.jpg' })).toBe(
      'acme/alice/2026-11-24/0f8fad5b-d9cb-469f-a165-70867728950e-cat.jpg',
    )
  })

  it('drops one separator with a filename that is not there', () => {
    expect(render(template('{user}/{uuid}-{filename}'))).toBe(`alice/${parts.uuid}`)
    expect(render(template('{user}/{filename}-{uuid}'))).toBe(`alice/${parts.uuid}`)
    expect(render(template('{user}/{uuid}.{filename}'))).toBe(`alice/${parts.uuid}`)
    expect(render(template('{user}/x{filename}'))).toBe('alice/x')
  })

  it('400: wants a filename where that is a segment of its own', () => {
    const refusal = refused(template('{user}/{filename}'))
    expect([refusal?.code, refusal?.fields]).toEqual(['InvalidRequest', ['filename']])
  })

  it('never reads a value as a template', () => {
    expect(render(template('{uuid}-{filename}'), { filename: '{tenant}$&$1' })).toBe(
      `${parts.uuid}-{tenant}$&$1`,
    )
  })

  it('400: takes no key from callers, for the bucket names its objects itself', () => {
    const refusal = refused(template('{tenant}/{uuid}'), { wantedKey: 'cat.jpg' })
    expect([refusal?.code, refusal?.fields]).toEqual(['InvalidRequest', ['key']])
    expect(refusal?.message).toContain('the bucket names its objects itself')
  })

  it('puts the part that a caller chooses where {key} stands', () => {
    const naming = template('{tenant}/{user}/{key}')
    expect(render(naming, { wantedKey: 'trip/cat.jpg' })).toBe('acme/alice/trip/cat.jpg')
    expect(refused(naming)?.fields).toEqual(['key'])
    for (const wantedKey of ['/x', '..', '../bob/x', 'a/../../bob/x', '', '.', 'a\\b']) {
      expect(refused(naming, { wantedKey })?.code).toBe('InvalidKey')
    }
  })

  it('400: what comes out must be an object key, of at most 1,024 bytes', () => {
    const naming = template('{tenant}/{key}')
    const room = 1024 - 'acme/'.length
    expect(render(naming, { wantedKey: 'k'.repeat(room) })).toHaveLength(1024)
    expect(refused(naming, { wantedKey: 'k'.repeat(room + 1) })?.code).toBe('InvalidKey')
    expect(refused(template('{user}/{filename}'), { filename: '..' })?.code).toBe('InvalidKey')
  })

  it('keeps every owner in one segment of its own, whatever the ids are', () => {
    fc.assert(
      fc.property(oddId, oddId, (tenant, user) => {
        const text = render(template('{tenant}/{user}/{uuid}'), { principal: { tenant, user } })
        const segments = text.split('/')
        expect(segments).toHaveLength(3)
        expect(segments[2]).toBe(parts.uuid)
      }),
    )
  })

  it('never gives two owners the same space', () => {
    fc.assert(
      fc.property(oddId, oddId, oddId, oddId, (tenant, user, otherTenant, otherUser) => {
        fc.pre(tenant !== otherTenant || user !== otherUser)
        const own = renderPrefix('{tenant}/{user}/', { tenant, user })
        const other = renderPrefix('{tenant}/{user}/', { tenant: otherTenant, user: otherUser })
        expect(own.startsWith(other)).toBe(false)
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('an id as a segment', () => {
  it.each([
    ['alice', 'alice'],
    ['alice@example.com', 'alice@example.com'],
    ['..', '%2E%2E'],
    ['.', '%2E'],
    ['a/b', 'a%2Fb'],
    ['a\\b', 'a%5Cb'],
    ['50%', '50%25'],
    ['a\nb', 'a%0Ab'],
    ['%2E%2E', '%252E%252E'],
    ['.hidden', '.hidden'],
  ])('%j is written %s', (text, segment) => {
    expect(toSegment(text)).toBe(segment)
  })
})

describe('a prefix for keys that callers choose', () => {
  const naming = caller('{tenant}/{user}/')

  it('takes whole keys that start with it, as they are', () => {
    for (const wantedKey of [
      'acme/alice/cat.jpg',
      'acme/alice/a//b',
      'acme/alice/%2e%2e/x',
      'acme/alice/',
    ]) {
      expect(render(naming, { wantedKey })).toBe(wantedKey)
    }
  })

  it.each([
    'cat.jpg',
    'acme/bob/cat.jpg',
    'acme/alice',
    'acme/alicex/y',
    'ACME/alice/x',
    'acme%2Falice/x',
  ])('403: %s is somebody else’s', (wantedKey) => {
    expect(refused(naming, { wantedKey })?.code).toBe('AccessDenied')
  })

  it.each([
    'acme/alice/../bob/x',
    '/acme/alice/x',
    'acme/alice/./x',
    'acme\\alice\\x',
    '',
    'acme/alice/a\tb',
  ])('400: %j is no key', (wantedKey) => {
    expect(refused(naming, { wantedKey })?.code).toBe('InvalidKey')
  })

  it('400: wants a key', () => {
    const refusal = refused(naming)
    expect([refusal?.code, refusal?.fields]).toEqual(['InvalidRequest', ['key']])
  })

  it('may be the whole bucket', () => {
    expect(render(caller(''), { wantedKey: 'any/where' })).toBe('any/where')
  })
})

describe('what all keys of an owner start with', () => {
  it('is the part of the template before anything that differs by upload', () => {
    const owner = parts.principal
    expect(fixedPrefix(template('{tenant}/{user}/{date}/{uuid}'), owner)).toBe('acme/alice/')
    expect(fixedPrefix(template('in/{uuid}'), owner)).toBe('in/')
    expect(fixedPrefix(template('{date}/{user}'), owner)).toBe('')
    expect(fixedPrefix(caller('{tenant}/'), owner)).toBe('acme/')
  })
})

describe('the check of a template', () => {
  it.each(['{tenant}/{user}/{date}/{uuid}-{filename}', 'x', '{key}', 'a b/{uuid}', 'ü/{uuid}'])(
    'takes %s',
    (text) => {
      expect(templateProblems(text)).toEqual([])
    },
  )

  it.each([
    '',
    '/{uuid}',
    '{tenat}/{uuid}',
    '{uuid',
    'uuid}',
    '{}',
    '../{uuid}',
    'a/./b',
    'a\\b',
    'a\nb',
    '{{uuid}}',
  ])('refuses %j', (text) => {
    expect(templateProblems(text)).not.toEqual([])
  })

  it('tells where two owners could share a name', () => {
    expect(keepsOwnersApart('{tenant}/{user}/')).toBe(true)
    expect(keepsOwnersApart('in/{tenant}/')).toBe(true)
    expect(keepsOwnersApart('{tenant}-{user}/')).toBe(false)
    expect(keepsOwnersApart('u{user}/')).toBe(false)
  })
})
