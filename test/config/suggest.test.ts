import { describe, expect, it } from 'vitest'
import { didYouMean } from '../../src/config/suggest.ts'

describe('a suggestion', () => {
  const names = ['listen', 'admin', 'region', 'endpoint', 'id']

  it.each([
    ['lisen', 'listen'],
    ['lsiten', 'listen'],
    ['Listen', 'listen'],
    ['ednpoint', 'endpoint'],
    ['regoin', 'region'],
    ['adminn', 'admin'],
  ])('for %s is %s', (typed, meant) => {
    expect(didYouMean(typed, names)).toBe(`, did you mean "${meant}"?`)
  })

  it.each(['x', 'xy', 'hostname', '', 'listening-address', 'a'.repeat(100_000)])(
    'is not made for %j, which is too far from all',
    (typed) => {
      expect(didYouMean(typed.slice(0, 100_000), names)).toBe('')
    },
  )
})
