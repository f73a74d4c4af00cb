import { expect, it } from 'vitest'
import { openGatewayBeforeReplicas, rejoin } from '../support/redis/gateway-before-replicas.ts'
import { ledgerAtRest } from '../support/redis/ledger-at-rest.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'
import { until } from '../support/until.ts'
import { keepAsking, type UploadLoad } from '../support/upload-load.ts'

const GRANTS = 60
const REFUSALS = 20

const statusesOf = ({ answers }: UploadLoad) => new Set(answers.map(({ status }) => status))

async function untilCount(load: UploadLoad, status: number, more: number): Promise<void> {
  const wanted = load.count(status) + more
  await until(`${more} answers are ${status}`, async () => load.count(status) >= wanted)
}

describeOnRedis('a master that dies while its replica lags', () => {
  it('R08 strict: every upload that was granted is on the promoted replica', async () => {
    await using setUp = await openGatewayBeforeReplicas({ proxied: true })
    const { gateway, replication, promote } = setUp
    const { master, replicas, links } = replication
    const [replica, link] = [replicas[0], links[0]]
    if (replica === undefined || link === undefined) throw new Error('no replica')
    const load = keepAsking([gateway.call])
    await untilCount(load, 201, GRANTS)
    await link.setMode('hold')
    await untilCount(load, 503, REFUSALS)
    await master.kill()
    await link.setMode('reset')
    await promote(replica)
    const grantedBefore = load.count(201)
    await untilCount(load, 503, 1)
    await rejoin(master, replica)
    await untilCount(load, 201, GRANTS)
    await load.stop()
    expect(grantedBefore).toBeGreaterThanOrEqual(GRANTS)
    expect(statusesOf(load)).toEqual(new Set([201, 503]))
    const { records, drift } = await ledgerAtRest(replica)
    expect(load.granted().filter((id) => records.get(id)?.state !== 'P')).toEqual([])
    expect(drift).toEqual([])
  })

  it('without WAIT the same death loses granted uploads, and the fence closes the ledger', async () => {
    await using setUp = await openGatewayBeforeReplicas({
      proxied: true,
      server: { appendOnly: 'always' },
      ledger: { durability: 'disk', replicas: undefined },
    })
    const { gateway, replication, promote } = setUp
    const { master, replicas, links } = replication
    const [replica, link] = [replicas[0], links[0]]
    if (replica === undefined || link === undefined) throw new Error('no replica')
    const load = keepAsking([gateway.call])
    await untilCount(load, 201, GRANTS)
    // Nobody waits for it here: its first copy of the ledger may still be on the way.
    await until('the replica has the canaries', async () => {
      return ((await replica.command('KEYS', 'e:*')) as string[]).length > 0
    })
    await link.setMode('hold')
    await untilCount(load, 201, GRANTS)
    await master.kill()
    await link.setMode('reset')
    await promote(replica)
    await until('the loss is known', async () => {
      const keys = (await replica.command('KEYS', 'e:*')) as string[]
      return String(await replica.command('MGET', ...keys)).includes('x:')
    })
    const grantedBefore = load.count(201)
    await untilCount(load, 503, REFUSALS)
    await load.stop()
    const { records } = await ledgerAtRest(replica)
    const lost = load.granted().filter((id) => !records.has(id))
    expect(lost.length).toBeGreaterThanOrEqual(GRANTS)
    expect(load.count(201)).toBe(grantedBefore)
  })

  it('R08 a master that becomes a replica under load: READONLY, and over to the new one', async () => {
    await using setUp = await openGatewayBeforeReplicas()
    const { gateway, replication, front } = setUp
    const { master, replicas } = replication
    const [replica] = replicas
    if (replica === undefined) throw new Error('no replica')
    const load = keepAsking([gateway.call])
    await untilCount(load, 201, GRANTS)
    // Connections that exist stay with the old master: only its refusal tells.
    await replica.command('REPLICAOF', 'NO', 'ONE')
    front.targetPort = replica.port
    await master.command('REPLICAOF', '127.0.0.1', replica.port)
    await untilCount(load, 503, 1)
    await untilCount(load, 201, GRANTS)
    await load.stop()
    expect(statusesOf(load)).toEqual(new Set([201, 503]))
    const { records, drift } = await ledgerAtRest(replica)
    expect(load.granted().filter((id) => records.get(id)?.state !== 'P')).toEqual([])
    expect(drift).toEqual([])
  })
})
