import { expect, it } from 'vitest'
import type { GatewayError } from '../../src/errors.ts'
import type { Reopened } from '../support/gateway-process.ts'
import { openGatewayBeforeReplicas } from '../support/redis/gateway-before-replicas.ts'
import { initialiseLedger } from '../support/redis/initialise.ts'
import { ledgerAtRest } from '../support/redis/ledger-at-rest.ts'
import { openRedisServer } from '../support/redis/redis-server.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'
import { strandReplicas } from '../support/redis/replication.ts'
import { until } from '../support/until.ts'
import { askUpload } from '../support/upload-load.ts'

const PLACES = 5
/** Room for few: a ledger that forgot what it granted would grant more. */
const PLAN = {
  quotas: [{ policy: 'user-pending', per: 'user', unit: 'pending-uploads', limit: PLACES }],
}

let asked = 0
const ask = ({ call }: Reopened) => {
  asked += 1
  return askUpload(call, `file-${asked}`)
}
const KEY = { 'idempotency-key': 'a-key-of-the-caller' }

/** The status of a request once the gateway has looked at its new server. */
async function statusOnceLooked(gateway: Reopened): Promise<number> {
  const { ledger } = gateway.context
  await until('the gateway has looked', async () => {
    const looked = ledger.find({ partition: 0, rid: 'up_none' }).then(
      () => 'open',
      (error: GatewayError) => String(error.details.facts?.why),
    )
    return /^open$|signet ledger init/.test(await looked)
  })
  return (await ask(gateway)).status
}

async function untilGranted(gateway: Reopened): Promise<void> {
  await until('an upload is granted', async () => (await ask(gateway)).status === 201)
}

describeOnRedis('a replica that is promoted by hand', () => {
  it('empty: nothing is granted until somebody initialises it', async () => {
    await using setUp = await openGatewayBeforeReplicas({
      replicas: 2,
      ledger: { replicas: 1 },
      gateway: { plan: PLAN },
    })
    const { gateway, replication, promote } = setUp
    for (let n = 0; n < PLACES; n += 1) expect((await ask(gateway)).status).toBe(201)
    await using empty = await openRedisServer()
    await using follower = await openRedisServer({ replicaOf: empty })
    await replication.master.kill()
    await promote(empty)
    expect(await statusOnceLooked(gateway)).toBe(503)
    await using another = await setUp.openAnother()
    expect(await statusOnceLooked(another)).toBe(503)
    expect((await ledgerAtRest(empty)).records.size).toBe(0)
    expect(follower.isRunning).toBe(true)
    await initialiseLedger(setUp.prepared)
    await untilGranted(another)
  })

  it('lagging: who remembers a grant that is gone closes it for all, until the loss is accepted', async () => {
    await using setUp = await openGatewayBeforeReplicas({
      replicas: 2,
      ledger: { replicas: 1 },
      gateway: { plan: PLAN },
    })
    const { gateway, replication, promote } = setUp
    const [good, late] = replication.replicas
    if (good === undefined || late === undefined) throw new Error('two replicas are needed')
    const before = await askUpload(gateway.call, 'cat.txt', KEY)
    await replication.waitUntilSynced()
    await strandReplicas(replication.master, [late])
    const after: string[] = []
    await until('the good replica is back', async () => {
      const { uploadId } = await ask(gateway)
      if (uploadId !== undefined) after.push(uploadId)
      return uploadId
    })
    // The last thing that is acknowledged is one that the late replica has.
    expect((await askUpload(gateway.call, 'cat.txt', KEY)).uploadId).toBe(before.uploadId)
    await replication.master.kill()
    await late.kill('SIGCONT')
    await promote(late)
    await good.command('REPLICAOF', '127.0.0.1', late.port)
    expect(await statusOnceLooked(gateway)).toBe(503)
    await using another = await setUp.openAnother()
    expect(await statusOnceLooked(another)).toBe(503)
    const { records, drift } = await ledgerAtRest(late)
    expect([...records.keys()]).toEqual([before.uploadId])
    expect(after.filter((id) => records.has(id))).toEqual([])
    expect(drift).toEqual([])
    await initialiseLedger(setUp.prepared, '--accept-loss')
    await untilGranted(another)
    await untilGranted(gateway)
  })

  it('twice in a row, before the other replica hears of the first: opens again by itself', async () => {
    await using setUp = await openGatewayBeforeReplicas({
      replicas: 2,
      gateway: { plan: PLAN },
    })
    const { gateway, replication, promote } = setUp
    const [first, second] = replication.replicas
    if (first === undefined || second === undefined) throw new Error('two replicas are needed')
    const granted = await ask(gateway)
    expect(granted.status).toBe(201)
    await replication.master.kill()
    await promote(first)
    expect(await statusOnceLooked(gateway)).toBe(503)
    await first.kill()
    await promote(second)
    for (const server of [replication.master, first]) {
      await server.restart({ arguments: ['--replicaof', `127.0.0.1 ${second.port}`] })
    }
    await untilGranted(gateway)
    const { records, drift } = await ledgerAtRest(second)
    expect(records.get(granted.uploadId ?? '')?.state).toBe('P')
    expect(drift).toEqual([])
  })
})
