import { afterEach, describe, expect, it } from 'vitest'
import { currentLimits } from '../../src/gateway/current-limits.ts'
import type { Ledger } from '../../src/ledger/port.ts'
import { openMemoryState } from '../../src/state/memory.ts'
import type { StateStore } from '../../src/state/port.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { uploadBody } from '../support/test-gateway.ts'
import { type GatewayOfPartitions, gatewayOfPartitions } from './gateway-of-partitions.ts'

let gateway: GatewayOfPartitions
afterEach(() => gateway.close())

const FULL = { status: 507, code: 'InsufficientStorage' } as const

async function open(
  capacityBytes: number,
  options: Parameters<typeof gatewayOfPartitions>[0] = {},
) {
  gateway = await gatewayOfPartitions({ store: { capacityBytes }, ...options })
}

describe('a store whose room is divided among partitions', () => {
  it('201: grants what has become free, also to one who never stopped asking', async () => {
    await open(1_000)
    const id = await gateway.granted('acme', 1_000)
    await expectRefused(await gateway.ask('globex', 100), FULL)
    await gateway.giveUp('acme', id)
    const statuses = new Set<number>()
    for (let round = 0; round < 6; round += 1) {
      await gateway.tend()
      for (let second = 0; second < 20; second += 1) {
        statuses.add((await gateway.ask('globex', 100)).status)
        gateway.clock.advance(1_000)
      }
    }
    expect(statuses).toEqual(new Set([507, 201]))
  })
  it('counts a late object by what is free now, whoever was refused a moment ago', async () => {
    await open(1_000)
    const { context, clock } = gateway
    await gateway.giveUp('globex', await gateway.granted('globex', 1_000))
    for (let round = 0; round < 4; round += 1) {
      await gateway.tend()
      clock.advance(20_000)
    }
    await expectRefused(await gateway.ask('acme', 950), FULL)
    await gateway.tend()
    const { partition } = context.accounts.of('acme', 'alice')
    const hold = [1, context.capacity.limitId, 0, 950, 3]
    const note = { tenant: 'acme', user: 'alice', place: ['main', 'media-prod', ''] } as const
    const [limit] = await currentLimits(context, note, { hold, partition, bytes: 950 })
    expect(limit).toBeGreaterThanOrEqual(950)
  })
  it('503: says what it cannot read of how a store is divided, and looks after the others', async () => {
    await open(1_000, { stores: { second: { capacityBytes: 1_000 } } })
    const measured: string[] = []
    const { telemetry } = gateway.context
    for (const value of ['null', '{', '[]', '{"chunks":[null],"returns":[]}', '{"chunks":[[1]]}']) {
      await gateway.state.put({ name: 'store-capacity/main', value })
      const refused = await gateway.ask('acme', 1)
      await expectRefused(refused, { status: 503, code: 'LedgerUnavailable' })
    }
    Object.assign(telemetry, {
      storeRoomMeasured: ({ store }: { store: string }) => measured.push(store),
    })
    await expect(gateway.tend()).rejects.toMatchObject({ code: 'LedgerUnavailable' })
    expect(measured).toEqual(['second'])
  })

  it('201: asks for room where a limit that only counts would refuse as well', async () => {
    const rates = [{ policy: 'shadow', per: 'user', requests: 1, windowSeconds: 60, shadow: true }]
    await open(2 ** 30, { plan: { rates, quotas: [] } })
    for (let n = 0; n < 4; n += 1) {
      expect((await gateway.ask('acme', 10_000_000)).status).toBe(201)
    }
  })
  it('200: a dry run takes no room from others, and sees what is free', async () => {
    await open(1_000)
    const dry = (tenant: string, sizeBytes: number) => {
      const body = uploadBody({ key: `${tenant}/alice/dry`, sizeBytes })
      const who = `${tenant}/alice`
      return gateway.call('POST', '/v1/uploads?dryRun=true', body, { who })
    }
    expect((await dry('acme', 1_000)).status).toBe(200)
    await expectRefused(await dry('acme', 1_001), FULL)
    expect((await gateway.ask('globex', 1_000)).status).toBe(201)
    await expectRefused(await dry('acme', 1), FULL)
  })

  it('429: remembers a rate also for uploads that would have to ask for room', async () => {
    const rates = [{ policy: 'r', per: 'user', requests: 1, windowSeconds: 3_600, burst: 1 }]
    await open(2 ** 36, { plan: { rates, quotas: [] }, remembers: true })
    await gateway.granted('acme', 10)
    const before = gateway.asked()
    for (let n = 0; n < 20; n += 1) {
      expect((await gateway.ask('acme', 100_000_000)).status).toBe(429)
    }
    expect(gateway.asked() - before).toBe(1)
  })

  it('201: many partitions that ask for room at once all get it, beside other gateways', async () => {
    const tenants = Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`t${n}`, ['alice']]))
    const options = { store: { capacityBytes: 2 ** 40 }, tenants, state: slow(openMemoryState()) }
    gateway = await gatewayOfPartitions(options)
    const other = await gatewayOfPartitions(options)
    const answers = await Promise.all(
      Object.keys(tenants).map((tenant, n) => (n % 2 === 0 ? gateway : other).ask(tenant, 1_000)),
    )
    await other.close()
    expect(answers.filter(({ status }) => status !== 201)).toEqual([])
  })

  it('201: gateways that fill a store from one partition find room as long as there is some', async () => {
    const store = { capacityBytes: 20_000_000 }
    const state = slow(openMemoryState())
    gateway = await gatewayOfPartitions({ store, state })
    const { ledger } = gateway
    const others = await Promise.all(
      [1, 2, 3].map(() => gatewayOfPartitions({ store, state, ledger: slowly(ledger) })),
    )
    const statuses = new Set<number>()
    for (let round = 0; round < 2; round += 1) {
      const answers = await Promise.all(
        Array.from({ length: 120 }, (_, n) => (others[n % 3] ?? gateway).ask('acme', 10_000 + n)),
      )
      for (const { status } of answers) statuses.add(status)
    }
    for (const other of others) await other.close()
    expect(statuses).toEqual(new Set([201]))
  })
})

/** Others may ask between a decision and what comes of it. */
function slowly(ledger: Ledger): Ledger {
  return {
    ...ledger,
    async admit(command) {
      await new Promise((resolve) => setImmediate(resolve))
      const reply = await ledger.admit(command)
      await new Promise((resolve) => setImmediate(resolve))
      return reply
    },
  }
}

/** As over a network: others may write between a read and the write that follows. */
function slow(state: StateStore): StateStore {
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  return {
    ...state,
    async get(name) {
      await turn()
      return state.get(name)
    },
    async put(document) {
      await turn()
      return state.put(document)
    },
  }
}
