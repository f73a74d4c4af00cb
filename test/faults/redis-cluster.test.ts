import { expect, it } from 'vitest'
import { reopenGateway } from '../support/gateway-process.ts'
import { type ClusterGateways, openClusterGateways } from '../support/redis/cluster-gateways.ts'
import type { RedisServer } from '../support/redis/redis-server.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'
import { migrateSlot } from '../support/redis/slot-migration.ts'
import { asTenant } from '../support/tenant-gateway.ts'
import { openTenantLoad } from '../support/tenant-load.ts'
import { until } from '../support/until.ts'
import { askUpload } from '../support/upload-load.ts'

/** Slots between two partitions. */
const SLOTS_EACH = 64
const LIMIT_BYTES = 1_000_000
const PLAN = {
  quotas: [
    { policy: 'tenant-bytes-day', per: 'tenant', unit: 'bytes', limit: LIMIT_BYTES, window: 'day' },
  ],
}

/** Ports of the masters that have a tenant. */
async function mastersOfTenants({ cluster, tenants, slotOf }: ClusterGateways) {
  const masters = await Promise.all(tenants.map((tenant) => cluster.masterOf(slotOf(tenant))))
  return new Set(masters.map(({ port }) => port))
}

async function masterOf({ cluster, slotOf }: ClusterGateways, tenant: string) {
  const master = await cluster.masterOf(slotOf(tenant))
  const [replica] = await cluster.replicasOf(master)
  if (replica === undefined) throw new Error('the master has no replica')
  return { master, replica }
}

/**
 * Nothing is counted wrong, all that was granted is there, once, and each tenant gets exactly the
 * places that its reservations leave.
 */
async function expectExact(
  open: ClusterGateways,
  load: ReturnType<typeof openTenantLoad>,
): Promise<void> {
  const { records, drift } = await open.atRest()
  expect(drift).toEqual([])
  expect(load.wrong).toEqual([])
  const granted = [...load.granted.values()]
  expect(new Set(granted).size).toBe(granted.length)
  expect(granted.filter((id) => records.get(id)?.state !== 'P')).toEqual([])
  for (const tenant of open.tenants) await expectFilled(open, tenant, load.grantedTo(tenant))
}

/** A tenant has what was granted to it and not a byte more, and gets exactly what is left. */
async function expectFilled(open: ClusterGateways, tenant: string, grantedBytes: number) {
  const partition = Math.floor(open.slotOf(tenant) / SLOTS_EACH)
  for (const { context } of open.gateways) {
    const audit = await context.ledger.audit({ partition, repair: false })
    expect(audit).toMatchObject({ drifts: [], index: [], negative: [], unreadable: [] })
  }
  const call = open.caller(tenant)
  const { limits } = await (await call('GET', '/v1/usage')).json()
  expect(limits).toMatchObject([{ pending: grantedBytes, used: 0 }])
  const leftBytes = LIMIT_BYTES - grantedBytes
  expect((await askUpload(call, 'too-large', {}, leftBytes + 1)).status).toBe(429)
  expect((await askUpload(call, 'just-right', {}, leftBytes)).status).toBe(201)
  expect((await askUpload(call, 'one-more')).status).toBe(429)
}

describeOnRedis('gateways before a Cluster', () => {
  it('R34 a slot moved under load: 503 with Retry-After, charged once, back without a restart', async () => {
    await using open = await openClusterGateways({ gateway: { plan: PLAN } })
    const [tenant = ''] = open.tenants
    const slot = open.slotOf(tenant)
    const { master: from } = await masterOf(open, tenant)
    const to = open.cluster.nodes.slice(0, 3).find((node) => node !== from) as RedisServer
    const others = open.tenants.filter((other) => other !== tenant)
    await using load = openTenantLoad(open)
    await load.untilGranted(3)
    expect((await mastersOfTenants(open)).size).toBe(3)
    expect([...load.statuses.keys()]).toEqual([201])
    await migrateSlot(open.cluster, {
      slot,
      from,
      to,
      batchKeys: 1_000,
      async onBatch(movedKeys) {
        if (movedKeys === 0) return
        // Whoever comes to the server now finds neither the slot's canary nor room for its probe.
        await from.command('CLIENT', 'KILL', 'TYPE', 'normal')
        await load.untilGranted(2, others)
      },
    })
    await load.untilGranted(3)
    await load.stop()
    await expectExact(open, load)
  })

  it('R34 kill -9 of a master: its tenants are back when two have the data again', async () => {
    await using open = await openClusterGateways({ gateway: { plan: PLAN } })
    const [tenant = ''] = open.tenants
    const { master, replica } = await masterOf(open, tenant)
    await using load = openTenantLoad(open)
    await load.untilGranted(3)
    await master.kill()
    await open.cluster.untilAgreed()
    expect(await open.cluster.masterOf(open.slotOf(tenant))).toBe(replica)
    // Nothing is promised that one server alone would know of; all else goes on there.
    for (const gateway of open.gateways.keys()) {
      const call = open.caller(tenant, gateway)
      await until('usage is told', async () => (await call('GET', '/v1/usage')).status === 200)
    }
    const grantedBytes = load.grantedTo(tenant)
    const refused = () => load.statuses.get(503) ?? 0
    // One of each gateway and tenant: a refusal takes as long as two WAITs.
    const enough = refused() + 4
    await until('uploads are refused', async () => refused() >= enough)
    expect(load.grantedTo(tenant)).toBe(grantedBytes)
    await master.restart()
    await load.untilGranted(3)
    await load.stop()
    await expectExact(open, load)
  })

  it('R34 TAKEOVER under load: nothing granted is lost, back without a restart; kill -9 of a master at once after a start: what needs no replica goes on', async () => {
    await using open = await openClusterGateways({ gateway: { plan: PLAN } })
    const [tenant = ''] = open.tenants
    const { replica } = await masterOf(open, tenant)
    await using load = openTenantLoad(open)
    await load.untilGranted(3)
    await open.cluster.failover(replica, 'TAKEOVER')
    await load.untilGranted(3)
    await load.stop()
    await expectExact(open, load)

    // On the same cluster, as it takes seconds to make: a gateway that has seen nothing of it yet.
    await using started = await reopenGateway(open.prepared)
    const { master } = await masterOf(open, tenant)
    expect(master).toBe(replica)
    await master.kill()
    await open.cluster.untilAgreed()
    const call = asTenant(started.call, open.prepared, tenant)
    await until('usage is told', async () => (await call('GET', '/v1/usage')).status === 200)
  })
})
