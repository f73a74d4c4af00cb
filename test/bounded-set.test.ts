import { expect, it } from 'vitest'
import { createBoundedSet } from '../src/bounded-set.ts'

it('holds what was added last, so many and no more', () => {
  const set = createBoundedSet(2)
  for (const text of ['a', 'b', 'a', 'c']) set.add(text)
  expect(['a', 'b', 'c'].map(set.has)).toEqual([true, false, true])
  set.add('c')
  expect(['a', 'c'].map(set.has)).toEqual([true, true])
})
