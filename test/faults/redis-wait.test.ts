import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { openGatewayBeforeReplicas } from '../support/redis/gateway-before-replicas.ts'
import { ledgerAtRest } from '../support/redis/ledger-at-rest.ts'
import type { RedisServer } from '../support/redis/redis-server.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'
import { until } from '../support/until.ts'
import { askUpload } from '../support/upload-load.ts'

const KEY = { 'idempotency-key': 'a-key-of-the-caller' }

/** Times that a server has executed a command, its own or one of its master. */
async function timesExecuted(server: RedisServer, command: string): Promise<number> {
  const stats = await server.info('commandstats')
  return Number(/calls=(\d+)/.exec(stats[`cmdstat_${command}`] ?? '')?.[1] ?? 0)
}

/** Keys that make a sync last some seconds. */
const FILLERS = 15_000

describeOnRedis('a replica that does not answer', () => {
  it('503 and no URL: the reservation of an id of our own is void', async () => {
    await using setUp = await openGatewayBeforeReplicas()
    const { gateway, replication } = setUp
    await replication.replicas[0]?.kill('SIGSTOP')
    const answer = await askUpload(gateway.call, 'cat.txt')
    expect(answer).toMatchObject({ status: 503, code: 'LedgerUnavailable', uploadId: undefined })
    await until('it is void', async () => {
      const { ids, drift } = await ledgerAtRest(replication.master)
      return ids('V').length === 1 && ids('P').length === 0 && drift.length === 0
    })
    await replication.replicas[0]?.kill('SIGCONT')
    await until('the service is back', async () => {
      return (await askUpload(gateway.call, 'dog.txt')).status === 201
    })
  })

  it('503 and no URL: that of a caller’s key stays, and the same key gets it later', async () => {
    await using setUp = await openGatewayBeforeReplicas()
    const { gateway, replication } = setUp
    await replication.replicas[0]?.kill('SIGSTOP')
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const answer = await askUpload(gateway.call, 'cat.txt', KEY)
      expect(answer).toMatchObject({ status: 503, uploadId: undefined })
    }
    const stays = await ledgerAtRest(replication.master)
    expect([stays.ids('P').length, stays.ids('V').length, stays.drift]).toEqual([1, 0, []])
    await replication.replicas[0]?.kill('SIGCONT')
    const granted = await until('the service is back', async () => {
      const answer = await askUpload(gateway.call, 'cat.txt', KEY)
      return answer.status === 201 && answer
    })
    await replication.waitUntilSynced()
    for (const server of [replication.master, ...replication.replicas]) {
      expect((await ledgerAtRest(server)).ids('P')).toEqual([granted.uploadId])
    }
  })

  it('503 while the replica is in its first sync, which the master calls online; then it serves', async () => {
    await using setUp = await openGatewayBeforeReplicas()
    const { gateway, replication } = setUp
    const [replica] = replication.replicas
    if (replica === undefined) throw new Error('no replica')
    await replication.master.command('DEBUG', 'POPULATE', FILLERS)
    // Without its file it has nothing to go on from: all is sent again.
    await replica.kill()
    await rm(join(replica.directory, 'dump.rdb'), { force: true })
    const slowly = ['--key-load-delay', '200', '--loading-process-events-interval-bytes', '1024']
    await replica.restart({ arguments: slowly, until: 'answering' })
    const isLoading = async () => (await replica.info('persistence')).loading === '1'
    await until('the sync has begun', isLoading)
    const { connected_slaves: connected } = await replication.master.info('replication')
    await using another = await setUp.openAnother()
    const statuses = [
      (await askUpload(gateway.call, 'cat.txt')).status,
      (await askUpload(another.call, 'dog.txt')).status,
    ]
    expect(await isLoading()).toBe(true)
    expect([connected, ...statuses]).toEqual(['1', 503, 503])
    for (const { call } of [gateway, another]) {
      await until('it serves', async () => (await askUpload(call, 'cow.txt')).status === 201)
    }
  })

  it('too few at the start: refused by the name of the setting; a gateway that runs goes on', async () => {
    await using setUp = await openGatewayBeforeReplicas()
    const { gateway, replication } = setUp
    await replication.replicas[0]?.kill()
    await until('the master knows', async () => {
      return (await replication.master.info('replication')).connected_slaves === '0'
    })
    await expect(setUp.openAnother()).rejects.toThrow(/0 replicas.*"ledger.replicas" asks for 1/)
    expect((await askUpload(gateway.call, 'cat.txt')).status).toBe(503)
    const download = { bucket: 'media', key: 'acme/alice/cat.txt' }
    expect((await gateway.call('POST', '/v1/downloads', download)).status).toBe(200)
  })
})

describeOnRedis('a replay, then a failover', () => {
  it('R32 a replay waits for the replica like the first, and what it got is on it', async () => {
    await using setUp = await openGatewayBeforeReplicas({ proxied: true })
    const { gateway, replication, front, promote } = setUp
    const { master, replicas, links } = replication
    const [replica, link] = [replicas[0], links[0]]
    if (replica === undefined || link === undefined) throw new Error('no replica')
    expect((await askUpload(gateway.call, 'ant.txt')).status).toBe(201)
    await link.setMode('hold')
    await front.setMode({ kind: 'dropReply', when: /up_/ })
    expect((await askUpload(gateway.call, 'cat.txt', KEY)).status).toBe(503)
    expect(front.faultsInjected).toBe(1)
    await until('the gateway is connected again', async () => {
      await gateway.context.ledger.find({ partition: 0, rid: 'up_none' })
      return true
    })
    expect((await ledgerAtRest(master)).ids('P')).toHaveLength(2)
    for (let attempt = 0; attempt < 3; attempt += 1) {
      expect((await askUpload(gateway.call, 'cat.txt', KEY)).status).toBe(503)
    }
    await link.setMode('pass')
    const granted = await until('the replay is granted', async () => {
      const answer = await askUpload(gateway.call, 'cat.txt', KEY)
      return answer.status === 201 && answer
    })
    // Newer servers answer a WAIT at once on a connection that has written nothing.
    const writes = await timesExecuted(replica, 'set')
    expect((await askUpload(gateway.call, 'cat.txt', KEY)).status).toBe(201)
    expect(await timesExecuted(replica, 'set')).toBeGreaterThan(writes)
    await master.kill()
    await promote(replica)
    const { records, drift } = await ledgerAtRest(replica)
    expect(records.get(granted.uploadId ?? '')?.state).toBe('P')
    expect([records.size, drift]).toEqual([2, []])
  })
})
