import { expect, it } from 'vitest'
import { prepareGateway, type Reopened, reopenGateway } from '../support/gateway-process.ts'
import { initialiseLedger } from '../support/redis/initialise.ts'
import { ledgerAtRest } from '../support/redis/ledger-at-rest.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'
import { openSentinelGroup } from '../support/redis/sentinel.ts'
import { openTemporaryDirectory } from '../support/stores/temporary-directory.ts'
import { until } from '../support/until.ts'
import { keepAsking, type UploadLoad } from '../support/upload-load.ts'

const GRANTS = 50
const WORKERS = 4

async function openGateway(state: string, closing: AsyncDisposableStack, init: boolean) {
  const directory = await openTemporaryDirectory()
  closing.defer(directory.close)
  const ledger = { durability: 'strict', replicas: 1 }
  const prepared = await prepareGateway(directory.path, {}, { state, ledger })
  if (init) await initialiseLedger(prepared)
  return closing.use(await reopenGateway(prepared))
}

async function untilGranted(load: UploadLoad, more: number): Promise<void> {
  const wanted = load.count(201) + more
  await until(`${more} uploads are granted`, async () => load.count(201) >= wanted, 20_000)
}

const load = ({ call }: Reopened) => keepAsking([call], WORKERS)

describeOnRedis('a network that is cut in two', () => {
  it('R33 the side of the old master releases no URL, and what heals away had none', async () => {
    await using closing = new AsyncDisposableStack()
    const settings = ['min-replicas-to-write 1', 'min-replicas-max-lag 1']
    const group = closing.use(await openSentinelGroup({ proxied: true, server: { settings } }))
    const [old, cut] = [group.nodes[0], group.proxies[0]]
    if (old === undefined || cut === undefined) throw new Error('no master')
    const sentinels = group.sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')
    const sentinelState = `redis+sentinel://${sentinels}/${group.name}`
    const majority = load(await openGateway(sentinelState, closing, true))
    const minority = load(await openGateway(`redis://127.0.0.1:${old.port}`, closing, false))
    await untilGranted(majority, GRANTS)
    await untilGranted(minority, GRANTS)

    await cut.setMode('blackhole')
    const master = await group.newMaster(old)
    const grantedInTime = minority.count(201)
    await untilGranted(majority, GRANTS)
    const refused = minority.count(503)
    await until('the old master takes no more writes', async () => {
      const answer = await old.command('SET', 'test:alone', '1').catch(String)
      return String(answer).includes('NOREPLICAS')
    })
    await until('it is asked on', async () => minority.count(503) > refused + GRANTS)
    const alone = (await ledgerAtRest(old)).records

    await cut.setMode('pass')
    await group.untilHealthy()
    await untilGranted(majority, GRANTS)
    await Promise.all([majority.stop(), minority.stop()])
    expect(minority.count(201)).toBe(grantedInTime)
    const { records, drift } = await ledgerAtRest(master)
    const granted = [...majority.granted(), ...minority.granted()]
    expect(granted.filter((id) => records.get(id)?.state !== 'P')).toEqual([])
    expect(drift).toEqual([])
    const healedAway = [...alone.keys()].filter((id) => !records.has(id))
    expect(healedAway.length).toBeGreaterThan(0)
    expect(healedAway.filter((id) => granted.includes(id))).toEqual([])
  })
})
