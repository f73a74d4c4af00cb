import { describe, expect, it } from 'vitest'
import { partitionsOf } from '../../src/ledger/rendezvous.ts'

const PARTITIONS = 256
const members = ['gateway-a', 'gateway-b', 'gateway-c', 'gateway-d']
const shares = (of: readonly string[]) =>
  new Map(of.map((member) => [member, partitionsOf(member, of, PARTITIONS)]))

describe('the share of a gateway in sweeping', () => {
  it('gives every partition to exactly one member', () => {
    const all = [...shares(members).values()].flat().sort((a, b) => a - b)
    expect(all).toEqual(Array.from({ length: PARTITIONS }, (_, partition) => partition))
  })

  it('gives all to one alone, and nothing to who is not in the list', () => {
    expect(partitionsOf('gateway-a', ['gateway-a'], PARTITIONS)).toHaveLength(PARTITIONS)
    expect(partitionsOf('gateway-z', members, PARTITIONS)).toEqual([])
  })

  it('does not depend on the order of the list', () => {
    const turned = [...members].reverse()
    expect(partitionsOf('gateway-b', turned, PARTITIONS)).toEqual(
      partitionsOf('gateway-b', members, PARTITIONS),
    )
  })

  it('moves only the partitions of a member that leaves', () => {
    const before = shares(members)
    const after = shares(members.slice(0, 3))
    for (const [member, own] of after)
      expect(own).toEqual(expect.arrayContaining(before.get(member) ?? []))
  })

  it('is even: nobody has more than twice what is fair', () => {
    for (const own of shares(members).values()) expect(own.length).toBeLessThan(128)
  })
})
