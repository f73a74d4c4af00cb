import { expect, it } from 'vitest'
import { callOver, prepareGateway, startGateway } from '../support/gateway-process.ts'
import { openFaultProxy } from '../support/redis/fault-proxy.ts'
import { initialiseLedger } from '../support/redis/initialise.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'
import { openReplication, strandReplicas } from '../support/redis/replication.ts'
import { openTemporaryDirectory } from '../support/stores/temporary-directory.ts'
import { until } from '../support/until.ts'

const PLACES = 10
const PLAN = {
  quotas: [{ policy: 'user-pending', per: 'user', unit: 'pending-uploads', limit: PLACES }],
}

function upload(name: string) {
  return { bucket: 'media', key: `acme/alice/${name}`, sizeBytes: 1, contentType: 'text/plain' }
}

describeOnRedis('durability async', () => {
  it('puts back from the journal what a promoted replica never got, before anything is granted', async () => {
    await using closing = new AsyncDisposableStack()
    const directory = await openTemporaryDirectory()
    closing.defer(directory.close)
    const replication = await openReplication({ replicas: 1 })
    closing.defer(replication.close)
    const { master, replicas } = replication
    const [replica] = replicas
    if (replica === undefined) throw new Error('no replica')
    const proxy = await openFaultProxy({ targetPort: master.port })
    closing.defer(proxy.close)
    const prepared = await prepareGateway(
      directory.path,
      { plan: PLAN },
      {
        state: `redis://127.0.0.1:${proxy.port}`,
        ledger: { durability: 'async', journal: `${directory.path}/journal.db` },
      },
    )
    await initialiseLedger(prepared)
    await using gateway = await startGateway(prepared)
    const call = callOver(gateway.url, prepared)
    const create = async (name: string) => {
      const response = await call('POST', '/v1/uploads', upload(name))
      return { status: response.status, id: String((await response.json()).id) }
    }
    const first = await create('replicated')
    await replication.waitUntilSynced()
    await strandReplicas(master, replicas)
    const lost = await Promise.all(Array.from({ length: 8 }, (_, n) => create(`lost-${n}`)))
    expect([first, ...lost].map(({ status }) => status)).toEqual(new Array(9).fill(201))

    await master.kill()
    await replica.kill('SIGCONT')
    await replica.command('REPLICAOF', 'NO', 'ONE')
    proxy.targetPort = replica.port
    const kept = (await replica.command('KEYS', 'v:*')) as string[]
    expect(kept).toHaveLength(1)

    let next = await create('next')
    await until('the ledger opens', async () => {
      if (next.status === 503) next = await create('next')
      return next.status !== 503
    })
    // Nine of ten places are taken: had the ledger opened without them, two more would fit.
    expect(next.status).toBe(201)
    expect((await create('too-many')).status).toBe(429)
    for (const { id } of [first, ...lost]) {
      expect((await call('GET', `/v1/uploads/${id}`)).status).toBe(200)
    }
    expect(gateway.stderr()).toMatch(/"ledger.restated","reservations":8/)
  })
})
