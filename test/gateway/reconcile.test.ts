import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openMemoryLedger } from '../../src/ledger/memory.ts'
import type { Ledger } from '../../src/ledger/port.ts'
import { realStores } from '../support/stores/stores-under-test.ts'
import { TestClock } from '../support/test-clock.ts'
import { ticketOf, UNTIL_RELEASED_MS } from './gateway-on-store.ts'
import { type ReconciledRun, reconcileAll, totalsIn } from './reconcile-fixture.ts'
import { openReconcileWorld, type ReconcileWorld } from './reconcile-world.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

const actions = ({ findings }: Pick<ReconciledRun, 'findings'>) =>
  findings.map(({ kind, action }) => `${kind} ${action}`).sort()

describe.each(realStores())('reconciling with $kind', (store) => {
  let world: ReconcileWorld
  beforeEach(async () => {
    world = await openReconcileWorld({}, store)
  })
  afterEach(() => world.close())

  it('finds all that is wrong and changes nothing, until it is told to put it right', async () => {
    for (let n = 0; n < 40 && store.kind === 'ceph'; n += 1) await world.putDirectly(`x/${n}`, 1)
    const foreign = store.kind === 'ceph' ? 41 : 1
    await world.upload('kept', 100)
    await world.upload('gone-1', 1_000)
    const copied = await world.create({ key: 'acme/alice/gone-2', sizeBytes: 30 })
    await world.put(copied, 30)
    await world.complete(copied.id)
    await world.rest()
    await world.lose('gone-1')
    await world.lose('gone-2')
    await world.putDirectly('acme/alice/stranger', 77)
    await world.putDirectly('.signet-probe/left', 5)
    await world.putDirectly('acme/alice/copied', 9, ticketOf(copied))
    await world.arrive('waiting', 500)
    const seen = await reconcileAll(world, { limit: 3 })
    expect(seen.last).toMatchObject({ done: true, clean: false, repair: false })
    const counts = {
      ...{ objects: foreign + 3, counted: 1, foreign, forged: 1, unsettled: 1, gone: 2, total: 3 },
    }
    expect(seen.last.counts).toMatchObject({ ...counts, repaired: 0, open: 7 })
    expect(await world.totals()).toEqual([1_130, 1_130, 3])
    const told = seen.findings.find(({ kind }) => kind === 'unsettled')
    expect(told).toMatchObject({ key: 'acme/alice/waiting', sizeBytes: 500, action: 'open' })

    const mended = await reconcileAll(world, { repair: true, limit: 3 })
    expect(mended.last.counts).toMatchObject({ ...counts, counted: 2, repaired: 6, open: 1 })
    const adjusted = totalsIn(mended).filter(({ action }) => action === 'adjusted')
    expect(adjusted.map(({ policy, posted, found }) => [policy, posted, found]).sort()).toEqual([
      ['tenant-objects', 4, 2],
      ['tenant-stored', 1_630, 600],
      ['user-stored', 1_630, 600],
    ])
    expect(await world.totals()).toEqual([600, 600, 2])
    const again = await reconcileAll(world, { repair: true })
    expect(actions(again)).toEqual(['forged open'])
    expect(world.audited.filter(({ event }) => event === 'ledger.reconciled')).toHaveLength(3)
  })
})

describe('reconciling', () => {
  let world: ReconcileWorld
  let ledger: Ledger
  /** What happens to reservations that the ledger is asked for. */
  let find: Ledger['find'] | undefined
  beforeEach(async () => {
    const clock = new TestClock(Date.now())
    const memory = openMemoryLedger({ clock })
    ledger = { ...memory, find: (ref) => (find ?? memory.find)(ref) }
    world = await openReconcileWorld({ clock, overrides: { ledger } })
  })
  afterEach(() => world.close())

  it('charges what came after its release by today’s limits, once', async () => {
    const late = await world.create({ key: 'acme/alice/late', sizeBytes: 300 })
    world.clock.advance(UNTIL_RELEASED_MS)
    await world.sweepAll()
    expect(await world.status(late.id)).toBe('expired')
    await world.putDirectly('acme/alice/late', 300, ticketOf(late))
    expect(actions(await reconcileAll(world))).toEqual(['late open'])
    expect(actions(await reconcileAll(world, { repair: true }))).toEqual(['late settled'])
    expect(actions(await reconcileAll(world, { repair: true }))).toEqual([])
    expect(await world.totals()).toEqual([300, 300, 1])
    expect(await world.status(late.id)).toBe('completed')
  })

  it('charges nothing twice that was settled and forgotten', async () => {
    await world.upload('old', 300)
    world.clock.advance(3 * DAY_MS)
    await world.sweepAll()
    const { last } = await reconcileAll(world, { repair: true })
    expect(last).toMatchObject({ clean: true, counts: { counted: 1, lost: 0, total: 0 } })
    expect(await world.totals()).toEqual([300, 300, 1])
  })

  it('charges what the ledger has lost in the totals, and says so while it cannot have forgotten', async () => {
    const upload = await world.create({ key: 'acme/alice/lost', sizeBytes: 300 })
    await world.put(upload, 300)
    // Its record and all that it holds are gone, as from a ledger that was set back.
    const state = { audit: ledger.audit, recent: ledger.recent }
    find = async () => undefined
    Object.assign(ledger, { recent: async () => [] })
    expect(actions(await reconcileAll(world, { repair: true }))).toEqual([
      'lost counted',
      'total adjusted',
      'total adjusted',
      'total adjusted',
    ])
    expect(await world.totals()).toEqual([300, 300, 1])
    world.clock.advance(HOUR_MS + 1)
    expect(actions(await reconcileAll(world, { repair: true }))).toEqual([])
    expect(await world.totals()).toEqual([300, 300, 1])
    Object.assign(ledger, state)
    find = undefined
  })

  it('uses the credit up of what has left past it, so that nobody credits it once more', async () => {
    const id = await world.upload('gone', 300)
    await world.upload('kept', 1)
    await world.lose('gone')
    // Its URL can still bring it back.
    world.clock.advance(UNTIL_RELEASED_MS - 100_000)
    expect(actions(await reconcileAll(world, { repair: true }))).toEqual([
      ...new Array<string>(3).fill('total busy'),
    ])
    await world.rest()
    const { findings } = await reconcileAll(world, { repair: true })
    expect(findings).toContainEqual(
      expect.objectContaining({ kind: 'gone', uploadId: id, recordedBytes: 300 }),
    )
    expect(await world.totals()).toEqual([1, 1, 1])
    const { reservations } = await ledger.claim({ partition: 0, limit: 9, leaseMs: 1 })
    expect(reservations).toEqual([])
    const recent = { partition: 0, sinceMs: 0, settledMs: () => 0, limit: 99 }
    const credits = (await ledger.recent(recent)).filter(({ rid }) => rid.startsWith('del_'))
    expect(credits).toMatchObject([{ state: 'S' }])
  })

  it('says who a total is of, and leaves those of nobody who is configured', async () => {
    await world.upload('kept', 10)
    await world.rest()
    const [total] = (await ledger.audit({ partition: 0, repair: false })).totals
    expect(total?.posted).toBeGreaterThan(0)
    await world.lose('kept')
    const { tenants } = world.context.config
    const acme = tenants.get('acme') ?? expect.unreachable()
    const none = new Map([['acme', { ...acme, users: new Map() }]])
    Object.defineProperty(world.context, 'config', {
      value: { ...world.context.config, tenants: none },
    })
    const run = await reconcileAll(world, { repair: true })
    const named = totalsIn(run).map(({ tenant, user, policy, action }) => [
      tenant,
      user,
      policy,
      action,
    ])
    expect(named).toContainEqual([undefined, undefined, 'user-stored', 'unnamed'])
    expect(named).toContainEqual(['acme', undefined, 'tenant-objects', 'adjusted'])
  })
})
