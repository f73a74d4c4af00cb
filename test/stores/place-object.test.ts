import { describe, expect, it } from 'vitest'
import { ObjectKey } from '../../src/object-key.ts'
import { placeAt, placeRecorded } from '../../src/stores/place-object.ts'
import { exampleBucket, examplePlacement, exampleStore } from './store-fixture.ts'

describe('placing an object', () => {
  const key = ObjectKey.parse('a/b')

  it('measures the whole key: 1,024 bytes with the prefix pass and 1,025 do not', () => {
    const placement = examplePlacement({ prefix: 'eu/' })
    const long = ObjectKey.parse('k'.repeat(1021))
    expect(placeAt(placement, long)).toEqual({ placement, key: long })
    expect(() => placeAt(placement, ObjectKey.parse('k'.repeat(1022)))).toThrow(
      expect.objectContaining({ code: 'InvalidKey' }),
    )
  })

  it('refuses what a probe would remove: a reserved segment, also one that the prefix completes', () => {
    const of = (prefix: string, text: string) => () =>
      placeAt(examplePlacement({ prefix }), ObjectKey.parse(text))
    for (const [prefix, text] of [
      ['', '.signet-probe/holiday.jpg'],
      ['', 'eu/.signet-probe/holiday.jpg'],
      ['', '.signet-probe'],
      ['eu/.signet-', 'probe/holiday.jpg'],
    ] as const) {
      const refused = { code: 'InvalidKey', message: expect.stringContaining('reserved') }
      expect(of(prefix, text), text).toThrow(expect.objectContaining(refused))
    }
    expect(of('', '.signet-probes/a.signet-probe')).not.toThrow()
  })

  it('finds a recorded place again', () => {
    const store = exampleStore({ name: 'old' })
    const known = { stores: new Map([['old', store]]), buckets: new Map() }
    expect(placeRecorded(known, ['old', 'media', 'eu/'], key)).toEqual({
      placement: { store, bucket: 'media', prefix: 'eu/' },
      key,
    })
  })

  it('finds the store as it was seen in the bucket, where that is in use', () => {
    const store = exampleStore({ name: 'old' })
    const seen = exampleStore({ name: 'old', region: 'seen' })
    const placements = [examplePlacement({ store: seen, bucket: 'media' })] as const
    const known = {
      stores: new Map([['old', store]]),
      buckets: new Map([['media', exampleBucket({ placements: [placements[0]] })]]),
    }
    expect(placeRecorded(known, ['old', 'media', 'eu/'], key).placement.store).toBe(seen)
    expect(placeRecorded(known, ['old', 'other', 'eu/'], key).placement.store).toBe(store)
  })

  it('503: the recorded store is gone', () => {
    const known = { stores: new Map(), buckets: new Map() }
    expect(() => placeRecorded(known, ['old', 'media', ''], key)).toThrow(
      expect.objectContaining({ code: 'StoreUnavailable', details: { facts: { store: 'old' } } }),
    )
  })
})
