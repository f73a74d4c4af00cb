import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/errors.ts'
import { createCallSlots } from '../../src/stores/call-slots.ts'

const LONG_MS = 60_000

function fixture(max: number) {
  const level = { inFlight: 0, waiting: 0 }
  const slots = createCallSlots({
    store: 'main',
    max,
    onChange(change) {
      level.inFlight += change.inFlight
      level.waiting += change.waiting
    },
  })
  /** Calls that have their turn, in the order that they got it, and what gives it back. */
  const begun: { readonly name: string; readonly end: () => void }[] = []
  const refused: string[] = []
  const call = async (name: string, { background = false, patienceMs = LONG_MS } = {}) => {
    try {
      begun.push({ name, end: await slots.take({ background, patienceMs }) })
    } catch (error) {
      refused.push(`${name}: ${error instanceof GatewayError ? error.code : String(error)}`)
    }
  }
  const calls = (count: number, name: string, background = false) =>
    Array.from({ length: count }, (_, at) => call(`${name}${at + 1}`, { background }))
  const names = async () => {
    await setImmediate()
    return begun.map(({ name }) => name)
  }
  const end = async (name: string) => {
    await setImmediate()
    begun.find((each) => each.name === name)?.end()
  }
  return { slots, level, call, calls, end, names, refused }
}

describe('createCallSlots', () => {
  it('lets as many run as there are turns, and the next one when one ends, in their order', async () => {
    const { slots, level, calls, end, names } = fixture(2)
    calls(4, 'f')
    expect(await names()).toEqual(['f1', 'f2'])
    expect([slots.inFlight, slots.waiting, level]).toEqual([2, 2, { inFlight: 2, waiting: 2 }])
    await end('f2')
    expect(await names()).toEqual(['f1', 'f2', 'f3'])
    await end('f2')
    expect(await names()).toEqual(['f1', 'f2', 'f3'])
    await end('f1')
    await end('f3')
    await end('f4')
    expect(await names()).toEqual(['f1', 'f2', 'f3', 'f4'])
    expect([slots.inFlight, slots.waiting]).toEqual([0, 0])
    expect(level).toEqual({ inFlight: 0, waiting: 0 })
  })

  it('Overloaded: ten times as many wait as may run, and one more is not let in', async () => {
    const { slots, calls, call, refused } = fixture(3)
    calls(33, 'f')
    await call('one more')
    expect([slots.inFlight, slots.waiting]).toEqual([3, 30])
    expect(refused).toEqual(['one more: Overloaded'])
  })

  it('Overloaded: a turn that does not come in the call’s own time, and it waits no more', async () => {
    const { slots, call, refused } = fixture(1)
    void call('runs')
    const waits = call('waits', { patienceMs: 5 })
    expect(slots.waiting).toBe(1)
    await waits
    expect([refused, slots.waiting]).toEqual([['waits: Overloaded'], 0])
  })

  it('gives work in the background half of the turns, and the waiting list has room for others', async () => {
    const { slots, calls, names, refused } = fixture(5)
    calls(23, 'b', true)
    expect(await names()).toEqual(['b1', 'b2'])
    expect(refused).toEqual(['b23: Overloaded'])
    calls(3, 'f')
    expect(await names()).toEqual(['b1', 'b2', 'f1', 'f2', 'f3'])
    expect([slots.inFlight, slots.waiting]).toEqual([5, 20])
  })

  it('prefers whom somebody waits for, and keeps a turn for the background all the same', async () => {
    const { calls, end, names } = fixture(4)
    calls(6, 'f')
    calls(3, 'b', true)
    await end('f1')
    expect((await names()).slice(4)).toEqual(['b1'])
    await end('f2')
    await end('f3')
    expect((await names()).slice(4)).toEqual(['b1', 'f5', 'f6'])
    await end('f4')
    expect((await names()).slice(4)).toEqual(['b1', 'f5', 'f6', 'b2'])
    await end('f5')
    // Half are in the background by now.
    expect((await names()).slice(4)).toEqual(['b1', 'f5', 'f6', 'b2'])
  })

  it('takes turns where there is one turn only', async () => {
    const { calls, end, names } = fixture(1)
    calls(3, 'f')
    calls(2, 'b', true)
    for (const name of ['f1', 'b1', 'f2', 'b2']) await end(name)
    expect(await names()).toEqual(['f1', 'b1', 'f2', 'b2', 'f3'])
  })

  it('sends all away that wait, and none that runs', async () => {
    const { slots, calls, names, refused } = fixture(2)
    calls(3, 'f')
    calls(1, 'b', true)
    slots.refuseWaiting(() => new GatewayError('StoreUnavailable', 'Cannot call the store: away'))
    expect(await names()).toEqual(['f1', 'f2'])
    expect(refused).toEqual(['f3: StoreUnavailable', 'b1: StoreUnavailable'])
    expect([slots.inFlight, slots.waiting]).toEqual([2, 0])
  })
})
