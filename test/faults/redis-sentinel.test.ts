import { expect, it } from 'vitest'
import { callOver, prepareGateway, startGateway } from '../support/gateway-process.ts'
import { initialiseLedger } from '../support/redis/initialise.ts'
import { type LedgerAtRest, ledgerAtRest } from '../support/redis/ledger-at-rest.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'
import { openSentinelGroup, type SentinelGroup } from '../support/redis/sentinel.ts'
import { openTemporaryDirectory } from '../support/stores/temporary-directory.ts'
import { until } from '../support/until.ts'
import { askUpload, type Caller, keepAsking, type UploadLoad } from '../support/upload-load.ts'

const LIMIT_BYTES = 1_000_000
const PLAN = {
  quotas: [
    { policy: 'user-bytes-day', per: 'user', unit: 'bytes', limit: LIMIT_BYTES, window: 'day' },
  ],
}
const SERVER = { settings: ['min-replicas-to-write 1', 'min-replicas-max-lag 10'] }
const GRANTS = 100

/** Two gateways, each in its own process, on what the sentinels name. */
async function startGateways(
  group: SentinelGroup,
  closing: AsyncDisposableStack,
  replicas: number,
): Promise<readonly Caller[]> {
  const directory = await openTemporaryDirectory()
  closing.defer(directory.close)
  const sentinels = group.sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')
  const prepared = await prepareGateway(
    directory.path,
    { plan: PLAN },
    {
      state: `redis+sentinel://${sentinels}/${group.name}`,
      ledger: { durability: 'strict', replicas },
    },
  )
  await initialiseLedger(prepared)
  const started = await Promise.all([startGateway(prepared), startGateway(prepared)])
  return started.map((gateway) => callOver(closing.use(gateway).url, prepared))
}

/** Every gateway grants again, not only the quickest. */
async function untilBack(calls: readonly Caller[]): Promise<void> {
  for (const call of calls) {
    await until('it grants', async () => (await askUpload(call, 'back.txt')).status === 201)
  }
}

async function untilGranted(load: UploadLoad, more: number): Promise<void> {
  const wanted = load.count(201) + more
  await until(`${more} uploads are granted`, async () => load.count(201) >= wanted, 20_000)
}

/** The longest time without a grant, in milliseconds. */
function longestGapMs({ answers }: UploadLoad): number {
  const times = answers.filter(({ status }) => status === 201).map(({ atMs }) => atMs)
  return Math.max(...times.slice(1).map((atMs, index) => atMs - (times[index] ?? 0)))
}

/** Everything that was granted is there, nothing is counted wrong, and the quota ends where it must. */
async function expectExact(
  group: SentinelGroup,
  load: Pick<UploadLoad, 'granted'>,
  [call]: readonly Caller[],
): Promise<LedgerAtRest> {
  if (call === undefined) throw new Error('no gateway')
  const atRest = await ledgerAtRest(await group.currentMaster())
  expect(load.granted().filter((id) => atRest.records.get(id)?.state !== 'P')).toEqual([])
  expect(atRest.drift).toEqual([])
  const leftBytes = LIMIT_BYTES - atRest.ids('P').length
  expect((await askUpload(call, 'too-large', {}, leftBytes + 1)).status).toBe(429)
  expect((await askUpload(call, 'just-right', {}, leftBytes)).status).toBe(201)
  expect((await askUpload(call, 'one-more')).status).toBe(429)
  return atRest
}

describeOnRedis('gateways before Sentinel', () => {
  it('R08 a failover under load: no restart, only 201 and 503, nothing granted is lost', async () => {
    await using closing = new AsyncDisposableStack()
    const group = closing.use(await openSentinelGroup({ server: SERVER }))
    const calls = await startGateways(group, closing, 1)
    const load = keepAsking(calls)
    await untilGranted(load, GRANTS)
    const old = await group.currentMaster()
    await old.kill()
    await group.newMaster(old)
    await untilGranted(load, GRANTS)
    await untilBack(calls)
    await load.stop()
    expect(new Set(load.answers.map(({ status }) => status))).toEqual(new Set([201, 503]))
    expect(Math.max(...load.answers.map(({ tookMs }) => tookMs))).toBeLessThan(5_000)
    expect(longestGapMs(load)).toBeLessThan(20_000)
    await expectExact(group, load, calls)
  })

  it('R08 when all replicas must have it, the service is back with the old master', async () => {
    await using closing = new AsyncDisposableStack()
    const group = closing.use(await openSentinelGroup({ server: SERVER }))
    const calls = await startGateways(group, closing, 2)
    const load = keepAsking(calls)
    await untilGranted(load, GRANTS)
    const old = await group.currentMaster()
    await old.kill()
    const granted = load.count(201)
    const master = await group.newMaster(old)
    await until('the new master has a replica', async () => {
      return (await master.info('replication')).connected_slaves === '1'
    })
    expect(load.count(201) - granted).toBeLessThanOrEqual(calls.length * 16)
    await old.restart()
    await group.untilHealthy()
    await untilGranted(load, GRANTS)
    await untilBack(calls)
    await load.stop()
    expect(new Set(load.answers.map(({ status }) => status))).toEqual(new Set([201, 503]))
    await expectExact(group, load, calls)
  })
})
