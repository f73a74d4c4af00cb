import { describe, expect, it } from 'vitest'
import { checkPrecondition } from '../../src/gateway/precondition.ts'
import { readPrecondition, versionedAnswer } from '../../src/http/entity-tag.ts'

/** Whether a change passes over what there is: a version, or nothing. */
function passes(fields: Record<string, string>, version: number | undefined): boolean {
  const precondition = readPrecondition(new Headers(fields))
  try {
    checkPrecondition(precondition, version)
    return true
  } catch (error) {
    expect(error).toMatchObject({ code: 'PreconditionFailed', status: 412 })
    return false
  }
}

describe('a change by the admin API', () => {
  it('passes over whatever there is when it names no version', () => {
    expect([passes({}, undefined), passes({}, 7)]).toEqual([true, true])
  })

  it.each([
    ['"v7"', true],
    ['"v8"', false],
    ['"v70"', false],
    ['"v07"', false],
    ['"V7"', false],
    ['"7"', false],
    ['""', false],
    ['*', true],
    [' * ', true],
    ['"v6", "v7"', true],
    ['"v6","v8"', false],
    ['"v7", "a,b"', true],
    // Strong comparison, RFC 9110 section 13.1.1.
    ['W/"v7"', false],
  ])('with If-Match: %s over version 7: %s', (field, expected) => {
    expect(passes({ 'if-match': field }, 7)).toBe(expected)
  })

  it('412: with any If-Match, when nothing is there', () => {
    const fields = ['"v7"', '*', '"v1"', '"NaN"']
    expect(fields.map((field) => passes({ 'if-match': field }, undefined))).toEqual(
      fields.map(() => false),
    )
  })

  it('with If-None-Match: * passes only where nothing is', () => {
    const field = { 'if-none-match': '*' }
    expect([passes(field, undefined), passes(field, 1)]).toEqual([true, false])
  })

  it('with tags in If-None-Match passes over every other version', () => {
    const field = { 'if-none-match': 'W/"v7", "v9"' }
    const versions = [undefined, 6, 7, 8, 9]
    expect(versions.map((version) => passes(field, version))).toEqual([
      true,
      true,
      false,
      true,
      false,
    ])
  })

  it.each([
    '',
    'v7',
    "'v7'",
    '"v7',
    'v7"',
    '"v7" "v8"',
    '*, "v7"',
    'w/"v7"',
    '"a"b',
    `"${'v'.repeat(1_023)}"`,
  ])('400: for what lists no entity tags: %s', (field) => {
    for (const name of ['if-match', 'if-none-match']) {
      expect(() => readPrecondition(new Headers({ [name]: field }))).toThrow(
        expect.objectContaining({ code: 'InvalidRequest' }),
      )
    }
  })

  it('takes a field of 1,024 characters', () => {
    expect(passes({ 'if-match': `"v7","${'v'.repeat(1_017)}"` }, 7)).toBe(true)
  })
})

describe('an answer with a version', () => {
  it('200: has it as entity tag, and none when there is no version', async () => {
    const answer = versionedAnswer({ a: 1 }, { version: 3 })
    expect([answer.status, answer.headers.get('etag')]).toEqual([200, '"v3"'])
    expect(await answer.json()).toEqual({ a: 1 })
    expect(versionedAnswer({}, { version: undefined }).headers.get('etag')).toBeNull()
  })
})
