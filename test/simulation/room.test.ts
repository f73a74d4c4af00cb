import { describe, expect, it } from 'vitest'
import { allotmentText, parseAllotment } from '../../src/gateway/capacity-allotment.ts'
import { CAPACITY, fillStore, type RoomDefects, type RoomHistory } from './room-world.ts'
import { Violation } from './violation.ts'

const STEPS = 4_000
const SEEDS = 4

describe('gateways that share the room of a store', { timeout: 60_000 }, () => {
  it('never let more in than it may hold, fill it, and bring room to where it is needed', async () => {
    const seeds = [...Array(SEEDS).keys(), Date.now() % 1e9]
    const histories: RoomHistory[] = []
    for (const seed of seeds) histories.push(await fillStore(seed, STEPS))
    const sum = (of: (history: RoomHistory) => number) =>
      histories.reduce((total, history) => total + of(history), 0)
    expect(sum(({ granted }) => granted)).toBeGreaterThan(100 * seeds.length)
    expect(sum(({ refused }) => refused)).toBeGreaterThan(0)
    expect(sum(({ returns }) => returns)).toBeGreaterThan(0)
    expect(Math.max(...histories.map(({ most }) => most))).toBeGreaterThan(0.95 * CAPACITY)
  })

  const mutants: readonly (RoomDefects & {
    readonly name: string
    readonly seeds: readonly number[]
  })[] = [
    { name: 'goes by views for ever', seeds: [11], viewClock: () => ({ nowMs: () => 0 }) },
    {
      name: 'gives away at once what a partition returns',
      seeds: [8, 9],
      state: (state) => ({
        ...state,
        async put(document) {
          const allotment = { ...parseAllotment(document.value), returns: new Map() }
          return state.put({ ...document, value: allotmentText(allotment) })
        },
      }),
    },
    {
      name: 'writes over what others wrote',
      seeds: [8, 29],
      state: (state) => ({
        ...state,
        put: async ({ name, value }) => state.put({ name, value }),
      }),
    },
    {
      name: 'never ends a return',
      seeds: [0, 1],
      tendingClock: () => ({ nowMs: () => 0 }),
    },
  ]
  it.each(mutants)('are found out when one $name', async ({ seeds, name: _, ...defects }) => {
    for (const seed of seeds) {
      await expect(fillStore(seed, STEPS, defects)).rejects.toThrow(Violation)
    }
  })
})
