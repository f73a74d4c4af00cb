import { expect, it } from 'vitest'
import type { GatewayContext } from '../../src/gateway/context.ts'
import { addPage, type CountedObject, sumsOf } from '../../src/gateway/reconcile/sums.ts'
import { openMemoryLedger } from '../../src/ledger/memory.ts'
import { KIND, type Ledger } from '../../src/ledger/port.ts'
import { openMemoryState } from '../../src/state/memory.ts'
import type { StateStore } from '../../src/state/port.ts'
import { postAdmin } from '../support/admin-call.ts'
import { TestClock } from '../support/test-clock.ts'
import { type Fault, faultyLedger, faultyStore, PortFaults } from './faulty-ports.ts'
import { reconcileAll, reconcileStep } from './reconcile-fixture.ts'
import { openReconcileWorld, type ReconcileWorld } from './reconcile-world.ts'

const DAY_MS = 86_400_000
/** Longer than a step may take before another gateway takes it over. */
const LEASE_MS = 120_001

function faultyState(state: StateStore, faults: PortFaults): StateStore {
  const { get, put, remove, list } = state
  return {
    ...state,
    get: (name) => faults.around('state.get', () => get(name)),
    put: (document) => faults.around('state.put', () => put(document)),
    remove: (name, version) => faults.around('state.remove', () => remove(name, version)),
    list: (request) => faults.around('state.list', () => list(request)),
  }
}

function faultyReads(ledger: Ledger, faults: PortFaults): Ledger {
  const { audit, recent, list } = ledger
  return {
    ...ledger,
    audit: (request) => faults.around('audit-ledger', () => audit(request)),
    recent: (request) => faults.around('recent', () => recent(request)),
    list: (request) => faults.around('list', () => list(request)),
  }
}

// A third of the calls each, and none for both.
it.each<[Fault, number]>([
  ['refused', 0],
  ['lost', 1],
])(
  'comes to the same end after a crash in the middle of any step, %s',
  async (fault, first) => {
    const faults = new PortFaults()
    const clock = new TestClock(Date.now())
    const world = await openReconcileWorld({
      clock,
      onClient: (client) => faultyStore(client, faults),
      overrides: {
        ledger: faultyReads(faultyLedger(openMemoryLedger({ clock }), faults), faults),
        state: faultyState(openMemoryState(), faults),
      },
    })
    try {
      await world.upload('kept', 7)
      let calls = Number.POSITIVE_INFINITY
      for (let at = first; at < calls; at += 3) {
        await world.upload('lost', 100)
        await world.rest()
        await world.lose('lost')
        await world.arrive(`arrived-${at}`, 10)
        faults.plan({ at, fault, once: false })
        if ((await runUntilItFails(world)) === 'ended') calls = at
        faults.plan()
        clock.advance(LEASE_MS)
        const resumed = await reconcileAll(world, { repair: true, limit: 2, resume: true })
        expect(resumed.last.done).toBe(true)
        await world.rest()
        await expectNoWorse(world)
        await reconcileAll(world, { repair: true })
        expect(await world.totals()).toEqual(await world.atStore())
        await world.remove(`arrived-${at}`)
        // All that has ended is forgotten, or each run would have more to look at than the one before.
        clock.advance(2 * DAY_MS)
        await world.rest()
      }
      expect(calls).toBeGreaterThan(20)
    } finally {
      await world.close()
    }
  },
  60_000,
)

/** What was wrong may be wrong still, and nothing else is. */
async function expectNoWorse({ totals, atStore }: ReconcileWorld): Promise<void> {
  const stored = await atStore()
  const [ofUser = 0, ofTenant = 0, objects = 0] = (await totals()).map(
    (used = 0, at) => used - (stored[at] ?? 0),
  )
  for (const bytes of [ofUser, ofTenant]) expect([0, 100]).toContain(bytes)
  expect([0, 1]).toContain(objects)
}

/** Step after step, as a command does that gives up at the first that fails. */
async function runUntilItFails(
  world: Parameters<typeof postAdmin>[0],
): Promise<'ended' | 'failed'> {
  let body: Record<string, unknown> = { repair: true, limit: 2, resume: true }
  for (;;) {
    const answer = await postAdmin(world, '/admin/v1/reconcile', body)
    if (answer.status !== 200) return 'failed'
    const step = (await answer.json()) as { run: string; done: boolean }
    if (step.done) return 'ended'
    body = { run: step.run, limit: 2 }
  }
}

it('counts a page once that was cut off and made again, and nothing of a call that came too late', async () => {
  const context = { state: openMemoryState() } as GatewayContext
  const object = (subject: string, sizeBytes: number): CountedObject => ({
    ...{ partition: 3, subjects: [subject], hold: [1, 77, 0, 0, KIND.stored] },
    ...{ sizeBytes, creditId: `del_${sizeBytes}`, versioned: false, ids: [`up_${sizeBytes}`] },
  })
  const fence = (attempt: number, ...lost: number[]) => ({ id: 'r', attempt, lost, depth: 1 })
  const add = (run: ReturnType<typeof fence>, ...objects: CountedObject[]) =>
    addPage(context, { run, dirty: false }, objects)
  await add(fence(1), object('uA', 1), object('uA2', 2), object('uB', 10))
  await add(fence(2), object('uA', 100), object('uD', 7))
  // Cut off: before the run says so, another attempt sees other objects.
  await add(fence(3, 2), object('uB2', 200))
  // The one that was cut off goes on: it may write where nobody has been, and it counts nothing.
  await expect(add(fence(2), object('uB', 4_000))).rejects.toThrow('another call works')
  await add(fence(2), object('uE', 4_000))
  await add(fence(4, 2), object('uA', 1_000), object('uC', 5), object('uE', 50))
  const sums = await sumsOf(context, fence(5, 2), 3)
  const amounts = [...sums.totals.values()].map(({ subject, amount }) => [subject, amount])
  const all = { uA: 1_001, uA2: 2, uB: 10, uB2: 200, uC: 5, uE: 50 }
  expect(Object.fromEntries(amounts)).toEqual(all)
  expect([1, 100, 200, 4_000].map((size) => sums.has(`up_${size}`))).toEqual([
    ...[true, false, true, false],
  ])
  expect((await sumsOf(context, fence(5, 2), 30)).totals.size).toBe(0)
})

it('400, 503: an unknown run, one whose buckets moved, one that another call works at', async () => {
  const faults = new PortFaults()
  const world = await openReconcileWorld({ onClient: (client) => faultyStore(client, faults) })
  try {
    await world.upload('kept', 7)
    const refusal = async (body: unknown) => {
      const answer = await postAdmin(world, '/admin/v1/reconcile', body)
      const { code, fields } = (await answer.json()) as {
        code: string
        fields?: { path: string }[]
      }
      return [answer.status, code, fields?.[0]?.path]
    }
    expect(await refusal({ run: 'nothing' })).toEqual([400, 'InvalidRequest', 'run'])
    expect(await refusal({ bucket: 'nothing' })).toEqual([400, 'InvalidRequest', 'bucket'])
    expect(await refusal({ limit: 1_001 })).toEqual([400, 'InvalidRequest', 'limit'])
    const held = faults.pauseAt('store.list')
    const first = reconcileStep(world, { repair: true })
    await held.reached
    expect(await refusal({ resume: true, repair: true })).toEqual([503, 'Overloaded', undefined])
    held.go()
    const { run, stage } = await first
    expect(stage).toBe('totals')
    // Begun otherwise, it is another run.
    const other = await reconcileStep(world, { resume: true })
    expect(other.run).not.toBe(run)
    const end = await reconcileStep(world, { resume: true, repair: true })
    expect(end).toMatchObject({ run, done: true, clean: true, counts: { objects: 1, counted: 1 } })
    // The end can be read once more, and is no step.
    expect(await reconcileStep(world, { run })).toEqual({ ...end, found: 0 })
    const one = await reconcileAll(world, { bucket: 'media', repair: true })
    expect(one.last).toMatchObject({ bucket: 'media', done: true, counts: { objects: 1 } })
  } finally {
    await world.close()
  }
})
