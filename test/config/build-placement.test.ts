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

describe('what of a placement never comes into effect', () => {
  const two = (first: object, more: object = {}) =>
    warningsOf({
      ...second(),
      ...placed({ ...FIRST, ...first }, { ...SECOND, bucket: 'media-two' }),
      ...more,
    })

  it('warns of regions that nothing tells, and of no other', async () => {
    const eu = { takes: { regions: ['eu', 'us'] } }
    const at = 'buckets.media.placements[0].takes.regions'
    const told = (region: string) =>
      `${at}[${region === 'eu' ? 0 : 1}]: is told of nobody: see server.callerRegion`
    expect(await two(eu)).toEqual([told('eu'), told('us')])
    const networks = { 'server.callerRegion.networks': { eu: ['10.1.0.0/16'] } }
    expect(await two(eu, networks)).toEqual([told('us')])
    const header = {
      'server.trustedProxies': ['10.0.0.1'],
      'server.callerRegion.header': 'cf-ipcountry',
    }
    expect(await two(eu, header)).toEqual([])
    expect(await two({})).toEqual([])
  })

  it('warns of a weight that its strategy does not look at; 0 counts with each', async () => {
    const weighted = { 'buckets.media.placing': { strategy: 'weighted' } }
    expect(await two({ weight: 5 })).toEqual([
      'buckets.media.placements[0].weight: is not looked at, only 0 is: placing.strategy is primary',
    ])
    expect(await two({ weight: 5 }, weighted)).toEqual([])
    expect(await two({ weight: 0 })).toEqual([])
    expect(await two({ weight: 0 }, weighted)).toEqual([])
  })
})
