import { expect, it } from 'vitest'
import { createKnownPlaces } from '../../src/gateway/known-places.ts'
import { TestClock } from '../support/test-clock.ts'

it('knows a place for as long as it was told, and not a millisecond longer', () => {
  const clock = new TestClock()
  const places = createKnownPlaces(clock)
  places.set('one', 'near', 1_000)
  clock.advance(999)
  expect([places.get('one'), places.get('other')]).toEqual(['near', undefined])
  clock.advance(1)
  expect(places.get('one')).toBeUndefined()
})

it('takes the later word, and forgets what it is told to', () => {
  const places = createKnownPlaces(new TestClock())
  places.set('one', 'near', 1_000)
  places.set('one', 'far', 1_000)
  expect(places.get('one')).toBe('far')
  places.forget('one')
  expect(places.get('one')).toBeUndefined()
})

it('holds so many and no more: the one told longest ago goes first', () => {
  const places = createKnownPlaces(new TestClock(), 2)
  for (const digest of ['one', 'two', 'one', 'three']) places.set(digest, 'near', 1_000)
  expect(['one', 'two', 'three'].map((digest) => places.get(digest))).toEqual([
    'near',
    undefined,
    'near',
  ])
})
