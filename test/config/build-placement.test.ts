import { describe, expect, it } from 'vitest'
import { CANARIES, configText, problemsOf, warningsOf } from './config-fixture.ts'

const FIRST = { store: 'main', bucket: 'media-prod' }
const SECOND = { store: 'second', bucket: 'media-prod' }

/** Another store, by default where the first one is. */
function second(endpoint = 'https://s3.eu-central-1.amazonaws.com'): Record<string, unknown> {
  return {
    'stores.second': {
      provider: 'aws',
      endpoint,
      region: 'eu-central-1',
      credentials: { accessKeyId: 'AKIATEST', secretAccessKey: CANARIES.store },
    },
  }
}

const placed = (...placements: readonly object[]) => ({ 'buckets.media.placements': placements })

describe('placements of one bucket', () => {
  it('cannot be one place by two names of its store: every object would be there twice', async () => {
    const refused =
      'buckets.media.placements[1]: shares objects with placements[0], at the same endpoint'
    const problems = (...placements: readonly object[]) =>
      problemsOf(configText({ ...second(), ...placed(...placements) }))
    expect(await problems(FIRST, SECOND)).toEqual([refused])
    expect(await problems(FIRST, { ...SECOND, prefix: 'own/' })).toEqual([refused])
    expect(await problems(FIRST, { ...SECOND, bucket: 'media-two' })).toEqual([])
    const apart = [
      { ...FIRST, prefix: 'one/' },
      { ...SECOND, prefix: 'two/' },
    ]
    expect(await problems(...apart)).toEqual([])
    const elsewhere = second('https://s3.us-east-1.amazonaws.com')
    expect(await problemsOf(configText({ ...elsewhere, ...placed(FIRST, SECOND) }))).toEqual([])
  })
})
