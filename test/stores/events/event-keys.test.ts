import { describe, expect, it } from 'vitest'
import { eventKeys } from '../../../src/stores/events/event-keys.ts'
import { deliver, sample, settingsOf } from './events-fixture.ts'

const form = (text: string) => eventKeys(text, { keys: 'form', unsure: false })
const raw = (text: string) => eventKeys(text, { keys: 'raw', unsure: false })
const unsure = (text: string) => eventKeys(text, { keys: 'raw', unsure: true })

describe('keys in events', () => {
  it.each([
    ['red+flower.jpg', 'red flower.jpg'],
    ['my+file%2B1.txt', 'my file+1.txt'],
    ['a%2Fb%252F.jpg', 'a/b%2F.jpg'],
    ['gr%C3%BC%C3%9Fe', 'grüße'],
    ['plain', 'plain'],
  ])('decodes %s once where they are form-encoded', (text, key) => {
    expect(form(text)).toEqual([key])
  })

  it('leaves the others as they are', () => {
    expect(raw('my+file%2B1 %zz.txt')).toEqual(['my+file%2B1 %zz.txt'])
    expect(eventKeys('a+b%20', { keys: 'path', unsure: false })).toEqual(['a+b%20'])
  })

  it('takes both where nobody knows, and one where they are the same', () => {
    expect(unsure('a+b%2B')).toEqual(['a+b%2B', 'a b+'])
    expect(unsure('plain')).toEqual(['plain'])
    expect(unsure('100%')).toEqual(['100%'])
    expect(unsure('a%2F..%2Fb')).toEqual(['a%2F..%2Fb'])
  })

  it('drops what nobody could have signed', () => {
    for (const text of ['%zz', '%', '%C3', '..%2Fa', '%2Fa', 'a%5Cb', 'a%00', '%0A', 'a%2F.%2Fb']) {
      expect(form(text), text).toEqual([])
    }
    for (const text of ['/a', '../a', 'a\\b', 'a\n', '\ud800', 'x'.repeat(1_025)]) {
      expect(raw(text), text).toEqual([])
    }
    expect(raw('x'.repeat(1_024))).toHaveLength(1)
  })

  it('leaves the event, without keys, to be counted', async () => {
    const body = sample('minio-record').replace('"key":"image.jpg"', '"key":"..%2Fimage.jpg"')
    expect(await deliver(settingsOf('minio'), body)).toMatchObject([{ keys: [], type: 'created' }])
  })
})
