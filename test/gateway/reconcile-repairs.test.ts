import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { GatewayError } from '../../src/errors.ts'
import { settleByEvent } from '../../src/gateway/events/settle-by-event.ts'
import { reconcile } from '../../src/gateway/reconcile/reconcile.ts'
import type { AppContext } from '../../src/http/app-context.ts'
import { openMemoryState } from '../../src/state/memory.ts'
import type { StoreClient } from '../../src/stores/store-client.ts'
import { createTestBucket, embeddedStore } from '../support/stores/stores-under-test.ts'
import { ticketOf } from './gateway-on-store.ts'
import { type ReconciledRun, reconcileAll, reconcileStep, totalsIn } from './reconcile-fixture.ts'
import { openReconcileWorld, type ReconcileWorld } from './reconcile-world.ts'

const DAY_MS = 86_400_000
/** Longer than a step may take before another gateway takes it over. */
const LEASE_MS = 120_001

type Hooks = Partial<Pick<StoreClient, 'head' | 'list' | 'remove'>>

let world: ReconcileWorld
let client: StoreClient
/** What the store does otherwise than it would. */
let hooks: Hooks = {}
beforeAll(async () => {
  const otherBucket = await createTestBucket(embeddedStore())
  const placements = [{ store: 'main', bucket: otherBucket }]
  world = await openReconcileWorld({
    buckets: { other: { placements, keys: { callerPrefix: '{tenant}/{user}/' } } },
    onClient: (real) => {
      client = real
      return {
        ...real,
        head: (...asked) => (hooks.head ?? real.head)(...asked),
        list: (...asked) => (hooks.list ?? real.list)(...asked),
        remove: (...asked) => (hooks.remove ?? real.remove)(...asked),
      }
    },
  })
})
afterAll(() => world.close())
beforeEach(async () => {
  hooks = {}
  // Each test begins with totals that are right, and all that has ended is forgotten.
  await world.rest()
  await reconcileAll(world, { repair: true })
  world.clock.advance(3 * DAY_MS)
  await world.rest()
  expect(await world.totals()).toEqual(await world.atStore())
})

/** Uploads, and answers what an event about its removal does. */
async function uploaded(key: string, sizeBytes: number, bucket = 'media') {
  const upload = await world.create({ key: `acme/alice/${key}`, sizeBytes, bucket })
  expect(await world.put(upload, sizeBytes)).toBe(200)
  expect((await world.complete(upload.id)).status).toBe(200)
  const ticket = ticketOf(upload)['x-amz-meta-signet'] ?? expect.unreachable()
  const removed = async () => {
    const hint = {
      bucket: world.storeBucket,
      keys: [`acme/alice/${key}`],
      type: 'removed',
    } as const
    return (await settleByEvent(world.context, 'main', { ...hint, ticket })).reason
  }
  return { ...upload, removed }
}

/** Does something with another context, as after a restart. */
async function having<Result>(changes: Partial<AppContext>, work: () => Promise<Result>) {
  const { context } = world
  const before = Object.keys(changes).map(
    (name) => [name, Object.getOwnPropertyDescriptor(context, name)] as const,
  )
  for (const [name, value] of Object.entries(changes)) {
    Object.defineProperty(context, name, { value, configurable: true, enumerable: true })
  }
  try {
    return await work()
  } finally {
    for (const [name, as] of before) Object.defineProperty(context, name, as ?? {})
  }
}

const repair = () => reconcileAll(world, { repair: true })
const actions = (run: Pick<ReconciledRun, 'findings'>) =>
  new Set<string>(totalsIn(run).map(({ action }) => action))

/** What is wrong before a run; what the run says of totals, and what they are afterwards. */
it.each<[string, () => Promise<{ run: ReconciledRun; said: string[]; drift: number }>]>([
  [
    'credits nothing that an event credits while it is looked for',
    async () => {
      const gone = await uploaded('gone', 1_000)
      await world.rest()
      await world.lose('gone')
      let told = false
      hooks.head = async (place, version) => {
        const head = await client.head(place, version)
        if (!head.found && !told) {
          told = true
          expect(await gone.removed()).toBe('credited')
        }
        return head
      }
      return { run: await repair(), said: ['busy'], drift: 0 }
    },
  ],
  [
    'uses no credit up where old versions keep totals as they are',
    async () => {
      await uploaded('versioned', 50)
      const gone = await uploaded('gone', 1_000)
      await world.rest()
      await world.lose('gone')
      hooks.head = async (place, version) => {
        const head = await client.head(place, version)
        const isVersioned = head.found && place.key.text.endsWith('versioned')
        return isVersioned ? { ...head, versionId: 'v1' } : head
      }
      const run = await repair()
      expect(await gone.removed()).toBe('credited')
      return { run, said: ['versioned'], drift: 0 }
    },
  ],
  [
    'lowers nothing for an object that is there and was not listed',
    async () => {
      await uploaded('late', 1_000)
      await world.rest()
      hooks.list = async (...asked) => {
        const page = await client.list(...asked)
        return { ...page, objects: page.objects.filter(({ key }) => !key.endsWith('late')) }
      }
      return { run: await repair(), said: ['busy'], drift: 0 }
    },
  ],
  [
    'uses the credit of another size up, so that a removal is the next run’s',
    async () => {
      const upload = await uploaded('shrunk', 1_000)
      await world.rest()
      await world.putDirectly('acme/alice/shrunk', 400, ticketOf(upload))
      const run = await repair()
      await world.rest()
      await world.lose('shrunk')
      expect(await upload.removed()).toBe('credited-before')
      return { run, said: ['adjusted'], drift: 400 }
    },
  ],
  [
    'counts with a deletion that the store keeps refusing',
    async () => {
      await uploaded('locked', 10)
      await uploaded('gone', 1_000)
      hooks.remove = (place) =>
        place.key.text.endsWith('locked')
          ? Promise.reject(new Error('locked'))
          : client.remove(place)
      const answer = await world.call('DELETE', '/v1/objects/media/acme/alice/locked')
      expect(answer.status).toBe(500)
      await world.rest()
      await world.lose('gone')
      const run = await repair()
      hooks = {}
      await world.remove('locked')
      return { run, said: ['adjusted'], drift: 0 }
    },
  ],
  [
    'waits for a deletion of another size than what lies there now',
    async () => {
      const upload = await uploaded('locked', 1_000)
      hooks.remove = (place) =>
        place.key.text.endsWith('locked')
          ? Promise.reject(new Error('locked'))
          : client.remove(place)
      const answer = await world.call('DELETE', '/v1/objects/media/acme/alice/locked')
      expect(answer.status).toBe(500)
      await world.putDirectly('acme/alice/locked', 400, ticketOf(upload))
      await world.rest()
      const run = await repair()
      hooks = {}
      await world.lose('locked')
      world.clock.advance(3_600_000)
      await world.rest()
      return { run, said: ['busy'], drift: 0 }
    },
  ],
  [
    'counts nothing for an overwrite that never came to be, of what was credited',
    async () => {
      const replaced = await uploaded('doc', 1_000)
      world.clock.advance(3_600_000)
      await world.rest()
      const key = 'acme/alice/doc'
      const overwrite = await world.create({ key, sizeBytes: 800, overwrite: true })
      expect(await world.put(overwrite, 800)).toBe(200)
      expect(await replaced.removed()).toBe('credited')
      world.clock.advance(400_000)
      const first = await reconcileStep(world, {})
      await world.lose('doc')
      for (let times = 0; times < 4; times += 1) {
        world.clock.advance(3_600_000)
        await world.sweepAll()
      }
      const findings: ReconciledRun['findings'][number][] = []
      let last = first
      while (!last.done) {
        last = await reconcileStep(world, { run: last.run })
        findings.push(...last.findings)
      }
      return { run: { findings, last, steps: 0 }, said: [], drift: 0 }
    },
  ],
  [
    'credits a tenant once for a user who has left the configuration',
    async () => {
      const gone = await uploaded('gone', 1_000)
      await world.rest()
      await world.lose('gone')
      const { config } = world.context
      const acme = config.tenants.get('acme') ?? expect.unreachable()
      const tenants = new Map([['acme', { ...acme, users: new Map() }]])
      const run = await having({ config: { ...config, tenants } }, repair)
      expect(await gone.removed()).toBe('credited-before')
      expect((await world.totals())[1]).toBe((await world.atStore())[1])
      await world.rest()
      await repair()
      return { run, said: ['adjusted', 'unnamed'], drift: 0 }
    },
  ],
  [
    'lowers nothing while a ticket key is missing that objects name',
    async () => {
      await uploaded('sealed', 1_000)
      await world.rest()
      const key = new Uint8Array(32).fill(9)
      const [first] = world.context.ticketKeys
      // As long as its record is remembered, also one that looks forged.
      const forged = [{ id: first?.id ?? 0, key }]
      const run = await having({ ticketKeys: forged }, repair)
      expect(actions(run)).toEqual(new Set(['unclear']))
      world.clock.advance(3 * DAY_MS)
      await world.rest()
      return {
        ...{ run: await having({ ticketKeys: [{ id: 7, key }] }, repair) },
        ...{ said: ['unclear'], drift: 0 },
      }
    },
  ],
])('%s', async (_name, act) => {
  const { run, said, drift } = await act()
  hooks = {}
  expect(actions(run)).toEqual(new Set(said))
  const stored = (await world.atStore())[0] ?? 0
  expect((await world.totals()).slice(0, 2)).toEqual([stored + drift, stored + drift])
})

it('lowers nothing while a bucket of earlier runs is not configured, until it is to be forgotten', async () => {
  await uploaded('elsewhere', 1_000, 'other')
  const { config } = world.context
  const buckets = new Map([...config.buckets].filter(([name]) => name === 'media'))
  const without = { config: { ...config, buckets } }
  await world.rest()
  const stored = (await world.atStore())[0] ?? 0
  // By its record, where no run has looked yet; later by where runs have.
  const unknown = await having({ ...without, state: openMemoryState() }, repair)
  expect([actions(unknown), unknown.last.missing]).toEqual([new Set(['unclear']), undefined])
  world.clock.advance(3 * DAY_MS)
  await world.rest()
  const run = await having(without, repair)
  expect(actions(run)).toEqual(new Set(['unclear']))
  expect(run.last.missing).toMatchObject([{ store: 'main', prefix: '' }])
  expect((await world.totals())[0]).toBe(stored + 1_000)
  const forgotten = await having(without, () => reconcileAll(world, { repair: true, forget: true }))
  expect(actions(forgotten)).toEqual(new Set(['adjusted']))
  expect(forgotten.last.missing).toBeUndefined()
  expect((await world.totals())[0]).toBe(stored)
  await world.rest()
  expect((await repair()).last.missing).toBeUndefined()
  expect((await world.totals())[0]).toBe(stored + 1_000)
  const answer = await world.call('DELETE', '/v1/objects/other/acme/alice/elsewhere')
  expect(answer.status).toBe(204)
})

it('tells of a stored total that is younger than objects, and leaves it', async () => {
  await uploaded('older', 1_000)
  await world.rest()
  const { config } = world.context
  const acme = config.tenants.get('acme') ?? expect.unreachable()
  const later = { policy: 'later', per: 'tenant', unit: 'stored-bytes', limit: 9_999 } as const
  const plan = { ...acme.plan, quotas: [...acme.plan.quotas, later] }
  const tenants = new Map([['acme', { ...acme, plan }]])
  const run = await having({ config: { ...config, tenants } }, repair)
  const [, , objects] = await world.atStore()
  expect(totalsIn(run)).toMatchObject([
    { action: 'new', tenant: 'acme', policy: 'later', posted: 0, found: 0, objects },
  ])
  expect(run.last).toMatchObject({ clean: true, counts: { open: 0, repaired: 0 } })
})

it('puts a difference right once, of two runs that repair at the same time', async () => {
  await uploaded('old', 1_000)
  await world.rest()
  world.clock.advance(3 * DAY_MS)
  await uploaded('young', 10)
  world.clock.advance(3_600_000)
  await world.rest()
  await world.lose('old')
  // In step, so that both have seen the same when totals are compared.
  hooks.head = async (place, version) => {
    for (let turns = 0; turns < 20; turns += 1) await new Promise((next) => setImmediate(next))
    return client.head(place, version)
  }
  const runs = await Promise.allSettled([repair(), repair()])
  expect(runs.map(({ status }) => status)).toContain('fulfilled')
  expect(await world.totals()).toEqual(await world.atStore())
})

it('503: a call whose lease has ended changes no sum of the one that took over', async () => {
  for (const name of ['a1', 'a2', 'b1', 'b2']) await uploaded(name, 10)
  await world.rest()
  let reached = () => {}
  let go = () => {}
  const isReached = new Promise<void>((resolve) => {
    reached = resolve
  })
  const isFree = new Promise<void>((resolve) => {
    go = resolve
  })
  hooks.head = async (place, version) => {
    if (place.key.text.endsWith('/a1')) {
      hooks = {}
      reached()
      await isFree
    }
    return client.head(place, version)
  }
  const slow = reconcile(world.context, { repair: true, limit: 2 })
  await isReached
  world.clock.advance(LEASE_MS)
  let step = await reconcileStep(world, { resume: true, repair: true, limit: 2 })
  go()
  await expect(slow).rejects.toMatchObject({ code: 'Overloaded' })
  while (!step.done) step = await reconcileStep(world, { run: step.run, limit: 2 })
  expect(step.clean).toBe(true)
  expect(await world.totals()).toEqual(await world.atStore())
})

it('503: keeps a run for itself in a step that takes longer than its lease', async () => {
  for (let n = 10; n < 27; n += 1) await uploaded(`n${n}`, 1)
  await world.rest()
  const others: unknown[] = []
  let heads = 0
  hooks.head = async (place, version) => {
    heads += 1
    // In the first looks and in those after them, each time more than half of a lease.
    if (heads === 1 || heads === 17) {
      world.clock.advance(LEASE_MS * 0.6)
      const how = { resume: true, repair: true } as const
      others.push(await reconcile(world.context, how).catch(({ code }: GatewayError) => code))
    }
    return client.head(place, version)
  }
  const step = await reconcileStep(world, { repair: true })
  expect(step.counts).toMatchObject({ open: 0 })
  expect(others).toEqual(['Overloaded', 'Overloaded'])
})
