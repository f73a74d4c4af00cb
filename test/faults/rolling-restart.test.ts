import { expect, it } from 'vitest'
import { type Balancer, openBalancer } from '../support/balancer.ts'
import {
  callOver,
  type GatewayProcess,
  type PreparedGateway,
  prepareGateway,
  startGateway,
} from '../support/gateway-process.ts'
import { initialiseLedger } from '../support/redis/initialise.ts'
import { ledgerAtRest } from '../support/redis/ledger-at-rest.ts'
import { Answers, callsOf, openLoad } from '../support/redis/redis-gateway.ts'
import { openRedisServer } from '../support/redis/redis-server.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'
import { openTemporaryDirectory } from '../support/stores/temporary-directory.ts'
import { until } from '../support/until.ts'

const GATEWAYS = 3
const PER_SECOND = 30
/** Six starts of a process one after the other: some seconds each where the machine is busy. */
const TIMEOUT_MS = 120_000
const SHARE_MS = 30_000

/** Ends a gateway as a deployment does, and puts a new one in its place. */
async function restart(
  old: GatewayProcess,
  { prepared, balancer }: { prepared: PreparedGateway; balancer: Balancer },
): Promise<GatewayProcess> {
  old.kill('SIGTERM')
  expect(await old.ended).toEqual({ code: 0, signal: null })
  balancer.remove(old.url)
  const gateway = await startGateway(prepared)
  await balancer.add(gateway.url)
  await until('it gets its share', async () => balancer.answered.has(gateway.url), SHARE_MS)
  return gateway
}

describeOnRedis('a deployment', () => {
  it(
    'R20 rolling restart of three gateways under load: no request fails, none is lost',
    async () => {
      await using closing = new AsyncDisposableStack()
      const directory = await openTemporaryDirectory()
      closing.defer(directory.close)
      const server = closing.use(await openRedisServer({ appendOnly: 'always' }))
      const prepared = await prepareGateway(
        directory.path,
        { server: { shutdownDelaySeconds: 1, drainSeconds: 20 } },
        // That nothing fails is shown here, not speed: a busy machine may be slow to sync.
        { state: server.url, ledger: { commandTimeoutMs: 5_000 } },
      )
      await initialiseLedger(prepared)
      const balancer = closing.use(await openBalancer())
      const gateways = await Promise.all(
        Array.from({ length: GATEWAYS }, async () => {
          const gateway = closing.use(await startGateway(prepared))
          await balancer.add(gateway.url)
          return gateway
        }),
      )
      const { upload } = callsOf({ call: callOver(balancer.url, prepared) })
      const answers = new Answers()
      await using load = openLoad(PER_SECOND, () => answers.take(upload()))
      closing.defer(async () => void (await load.stop()))
      await until('all have a share', async () => balancer.answered.size === GATEWAYS, SHARE_MS)
      for (const old of gateways) closing.use(await restart(old, { prepared, balancer }))
      const sent = await load.stop()

      expect({ sent, statuses: [...answers.statuses], wrong: answers.wrong }).toEqual({
        sent,
        statuses: [[201, sent]],
        wrong: [],
      })
      const { records, drift } = await ledgerAtRest(server)
      expect(drift).toEqual([])
      expect(answers.granted.filter((id) => records.get(id)?.state !== 'P')).toEqual([])
      expect(records.size).toBe(answers.granted.length)
    },
    TIMEOUT_MS,
  )
})
