import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { acceptContentType, isActiveType, isEssence } from '../../src/policy/content-type.ts'
import { refusalOf } from './policy-fixture.ts'

const ANY = new Set<string>()
const codeOf = (text: string, allowed: ReadonlySet<string> = ANY) =>
  refusalOf(() => acceptContentType(text, allowed))?.code

describe('a content type', () => {
  it('is signed as it was written and compared as its essence', () => {
    expect(acceptContentType('Image/PNG', new Set(['image/png']))).toEqual({
      essence: 'image/png',
      text: 'Image/PNG',
    })
    expect(acceptContentType('text/plain; charset=UTF-8', ANY)).toEqual({
      essence: 'text/plain',
      text: 'text/plain; charset=UTF-8',
    })
  })

  it.each([
    'IMAGE/PNG ',
    ' image/png',
    'image/png;text/html',
    'image/png;',
    'image/png; ',
    'image/png,text/html',
    'image',
    'image/',
    '/png',
    'image/png/x',
    'image/*',
    '*/*',
    'image/p ng',
    'image/png\n',
    'image/png\r\nx-amz-acl: public-read',
    'image/pñg',
    '',
    'text/plain;charset',
    'text/plain;charset=',
    'text/plain;charset="utf-8"',
    'text/plain;charset=utf-8;charset=utf-7',
    'text/plain;  charset=utf-8',
    'text/plain ;charset=utf-8',
    'text/plain;charset=utf 8',
    'text/plain;boundary=x',
    'multipart/form-data; boundary=x',
  ])('400: %j is malformed', (text) => {
    const refusal = refusalOf(() => acceptContentType(text, ANY))
    expect([refusal?.code, refusal?.fields]).toEqual(['InvalidRequest', ['contentType']])
  })

  it('400: has names of at most 127 characters and a charset of at most 40', () => {
    const name = (length: number) => `image/${'x'.repeat(length)}`
    expect([codeOf(name(127)), codeOf(name(128))]).toEqual([undefined, 'InvalidRequest'])
    const charset = (length: number) => `text/plain;charset=${'x'.repeat(length)}`
    expect([codeOf(charset(40)), codeOf(charset(41))]).toEqual([undefined, 'InvalidRequest'])
  })

  it('415: is refused outside the list, by exact essence', () => {
    const allowed = new Set(['image/png'])
    for (const text of ['image/jpeg', 'image/png2', 'image/x-png', 'text/html', 'imagex/png']) {
      expect(codeOf(text, allowed)).toBe('UnsupportedMediaType')
    }
    expect(codeOf('image/png;charset=utf-8', allowed)).toBeUndefined()
  })

  it.each([
    'text/html',
    'text/html;charset=utf-8',
    'TEXT/HTML',
    'image/svg+xml',
    'application/xhtml+xml',
    'text/xml',
    'application/xml',
    'application/atom+xml',
    'text/javascript',
    'application/javascript',
    'application/x-javascript',
    'text/javascript1.5',
    'application/ecmascript',
    'multipart/x-mixed-replace',
    'message/rfc822',
    'application/unknown',
  ])('415: %s runs script, so it is off unless listed', (text) => {
    expect(codeOf(text)).toBe('UnsupportedMediaType')
    const essence = text.toLowerCase().replace(/;.*/, '')
    expect(codeOf(text, new Set([essence]))).toBeUndefined()
  })

  it.each([
    'image/png',
    'video/mp4',
    'application/pdf',
    'application/octet-stream',
    'text/plain',
    'application/json',
  ])('%s is on without a list', (text) => {
    expect(codeOf(text)).toBeUndefined()
  })

  it('never throws anything but its refusals, and never lets a control through', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const refusal = refusalOf(() => acceptContentType(text, ANY))
        expect(refusal !== undefined || /^[!-~ ]+$/.test(text)).toBe(true)
      }),
    )
  })
})

describe('an entry of a list', () => {
  it('is an essence in lower case', () => {
    expect(
      ['image/png', 'Image/png', 'image/*', 'image/png;charset=utf-8', 'png'].map(isEssence),
    ).toEqual([true, false, false, false, false])
  })

  it('is known to run script or not', () => {
    expect([isActiveType('image/svg+xml'), isActiveType('image/png')]).toEqual([true, false])
  })
})
