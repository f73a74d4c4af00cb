import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bundleWorker, type WorkerModule } from '../../deploy/cloudflare/bundle-worker.ts'
import { openDurableObjectsLedger, type RemoteLedger } from '../../src/ledger/durable-objects.ts'
import { finishOf, wanted } from '../contract/ledger-commands.ts'
import { openTemporaryDirectory } from '../support/stores/temporary-directory.ts'
import { testConfig } from '../support/test-gateway.ts'
import { startWorker, type WorkerProcess } from '../support/worker-process.ts'
import { describeOnRuntimes } from './runtimes-under-test.ts'

const ENTRY = join(import.meta.dirname, '../support/workerd/woken-worker.ts')
const DAY_MS = 86_400_000
const KEPT_DAYS = 30

describeOnRuntimes(({ workerd }) =>
  describe('the alarm of an object', () => {
    const closing = new AsyncDisposableStack()
    let folder: string
    let modules: readonly WorkerModule[]
    let worker: WorkerProcess
    let aheadMs = 0

    beforeAll(async () => {
      const directory = await openTemporaryDirectory()
      closing.defer(directory.close)
      folder = directory.path
      modules = await bundleWorker({ entry: ENTRY, name: 'woken', minify: false })
      worker = await start()
      closing.defer(() => worker[Symbol.asyncDispose]())
    })
    afterAll(() => closing.disposeAsync())

    function start(): Promise<WorkerProcess> {
      const settings = {
        ...(JSON.parse(testConfig({}, new Map())) as object),
        state: 'durable-objects:',
        ledger: { retentionHours: KEPT_DAYS * 24 },
        tenants: {},
      }
      return startWorker({
        program: workerd,
        folder,
        modules,
        bindings: { SIGNET_CONFIG: JSON.stringify(settings) },
        objects: { LEDGER: 'WokenObject' },
      })
    }

    async function call(partition: number, method: string, ...values: unknown[]) {
      const url = worker.urls.get('default') ?? ''
      const wanted = { object: `partition-${partition}`, method, values }
      const answer = await fetch(url, { method: 'POST', body: JSON.stringify(wanted) })
      return ((await answer.json()) as { value?: unknown }).value
    }

    async function advance(ms: number) {
      aheadMs += ms
      await call(0, 'setAhead', aheadMs)
    }

    const ledger = openDurableObjectsLedger({
      objectOf: (partition) =>
        new Proxy({} as RemoteLedger, {
          get:
            (_, method) =>
            (...values: unknown[]) =>
              call(partition, String(method), ...values),
        }),
      salt: () => 'salt',
    })
    /** An upload that nothing is due of for longer than any test looks ahead. */
    const upload = (partition: number, rid = 'up_1') => ({
      ...wanted({ rid, lookMs: 300 * DAY_MS, ttlMs: 300 * DAY_MS }),
      partition,
    })

    it('forgets what has ended when the configured retention is over, and not before', async () => {
      const command = upload(1)
      await ledger.admit(command)
      await ledger.finish(finishOf(command, 'S', 0))
      await advance((KEPT_DAYS - 1) * DAY_MS)
      await ledger.claim({ partition: 1, limit: 1, leaseMs: 1 })
      await call(1, 'ring')
      expect(await ledger.find(command)).toMatchObject({ state: 'S' })
      await advance(2 * DAY_MS)
      await call(1, 'ring')
      expect(await ledger.find(command)).toBeUndefined()
    })

    it('is set for what a repair has found to be due', async () => {
      const command = upload(2)
      await ledger.admit(command)
      await call(2, 'query', 'UPDATE reservation SET due = NULL')
      // An alarm that lies in the machine's past rings at once.
      await advance(DAY_MS)
      await ledger.audit({ partition: 2, repair: true })
      const rows = await call(2, 'query', 'SELECT due FROM reservation')
      expect(rows).toEqual([{ due: expect.any(Number) }])
      expect(await call(2, 'alarmAt')).toBe((rows as { due: number }[])[0]?.due)
    })

    it('audits its partition once an hour, also where it is woken in between', async () => {
      for (const rid of ['up_1', 'up_2']) await ledger.admit(upload(3, rid))
      const damage = (rid: string) =>
        call(3, 'query', 'UPDATE reservation SET due = NULL WHERE rid = ?', rid)
      await call(3, 'ring')
      await damage('up_1')
      await worker[Symbol.asyncDispose]()
      worker = await start()
      await advance(0)
      await call(3, 'ring')
      await damage('up_2')
      await advance(3_600_000)
      await call(3, 'ring')
      // Both at once: the one that was there before has not been looked at alone.
      await worker.said(/"ledger\.alarm".*"INDEX"/)
      const lines = worker.stdout().split('\n')
      const told = lines.filter((line) => line.includes('"ledger.alarm"'))
      expect(told.map((line) => JSON.parse(line))).toMatchObject([{ partition: 3, found: 2 }])
    })
  }),
)
