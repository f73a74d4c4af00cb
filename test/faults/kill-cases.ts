import { readFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AppContext } from '../../src/http/app-context.ts'
import { createStoreClient } from '../../src/stores/s3-client.ts'
import { storeSettings, sweepAll } from '../gateway/gateway-on-store.ts'
import {
  callOver,
  type PreparedGateway,
  type PreparedLedger,
  prepareGateway,
  type Reopened,
  reopenGateway,
  SUICIDAL_ENTRY,
  startGateway,
  sweepOver,
} from '../support/gateway-process.ts'
import { createTestBucket, embeddedStore } from '../support/stores/stores-under-test.ts'
import {
  openTemporaryDirectory,
  type TemporaryDirectory,
} from '../support/stores/temporary-directory.ts'
import { TestClock } from '../support/test-clock.ts'
import { uploadBody } from '../support/test-gateway.ts'
import { until } from '../support/until.ts'

const HOURS_MS = 7_200_000
/** The lease of a sweep that died. */
const LEASE_MS = 30_000
const KEY = { 'idempotency-key': 'the-same' }

/** A ledger that outlives the gateways of a test. */
export interface SurvivingLedger extends AsyncDisposable {
  /** Where it is, for `prepareGateway`. */
  readonly where: PreparedLedger
  initialise(prepared: PreparedGateway): Promise<void>
  /** More environment for a gateway that kills itself. */
  readonly env: Readonly<Record<string, string>>
  /** Ports of a gateway in this process that runs by a clock of the test. */
  ports(prepared: PreparedGateway, clock: TestClock): Promise<Partial<AppContext>>
  /** Moves the ledger's clock so far ahead of the machine's, where it has one of its own. */
  setAhead(ms: number): Promise<void>
  /** Fails when counters and reservations disagree. */
  expectSums(): Promise<void>
}

/** What a kill at any moment must leave behind, on every ledger that survives one. */
export function describeKills(openLedger: () => Promise<SurvivingLedger>): void {
  let directory: TemporaryDirectory
  let ledger: SurvivingLedger
  let prepared: PreparedGateway
  beforeEach(async () => {
    directory = await openTemporaryDirectory()
    ledger = await openLedger()
    const store = embeddedStore()
    prepared = await prepareGateway(
      directory.path,
      {
        store: storeSettings(store),
        bucket: { placements: [{ store: 'main', bucket: await createTestBucket(store) }] },
      },
      ledger.where,
    )
    await ledger.initialise(prepared)
  })
  afterEach(async () => {
    await ledger[Symbol.asyncDispose]()
    await directory.close()
  })

  function startSuicidal(killAt: string, more: Record<string, string> = {}) {
    const env = { KILL_AT: killAt, ...ledger.env, ...more }
    return startGateway(prepared, { entry: SUICIDAL_ENTRY, env })
  }

  /** The same gateway after the power is back, on the same ledger, so far ahead in time. */
  async function restart(aheadMs = 0) {
    const clock = new TestClock(Date.now() + aheadMs)
    await ledger.setAhead(aheadMs)
    const client = createStoreClient({ fetch })
    const gateway = await reopenGateway(prepared, {
      ...(await ledger.ports(prepared, clock)),
      clock,
      storeClient: {
        ...client,
        head: async (place, versionId) => ({
          ...(await client.head(place, versionId)),
          storeNowMs: clock.nowMs(),
        }),
      },
    })
    return {
      ...gateway,
      async advance(ms: number) {
        clock.advance(ms)
        await ledger.setAhead(clock.nowMs() - Date.now())
      },
    }
  }

  async function put({ request }: { request: { url: string; headers: Record<string, string> } }) {
    const { url, headers } = request
    const answer = await fetch(url, { method: 'PUT', headers, body: new Uint8Array(1_000) })
    expect(answer.status).toBe(200)
  }

  async function usage(gateway: Reopened) {
    const { limits } = await (await gateway.call('GET', '/v1/usage')).json()
    const found = (name: string) => limits.find(({ policy }: { policy: string }) => policy === name)
    const { used, pending } = found('tenant-stored')
    return { used, pending, slots: found('user-pending').pending }
  }

  async function statusOf(gateway: Reopened, id: string): Promise<string> {
    return (await (await gateway.call('GET', `/v1/uploads/${id}`)).json()).status
  }

  describe('SIGKILL', () => {
    afterEach(() => ledger.expectSums())

    it.each(['after reserve', 'before audit', 'before answer'])(
      'R19 %s: charged once, the same key gives the same upload, nothing is stuck',
      async (killAt) => {
        await using child = await startSuicidal(killAt)
        const call = callOver(child.url, prepared)
        await expect(call('POST', '/v1/uploads', uploadBody(), KEY)).rejects.toThrow()
        expect(await child.ended).toEqual({ code: null, signal: 'SIGKILL' })

        await using gateway = await restart()
        expect(await usage(gateway)).toEqual({ used: 0, pending: 1_000, slots: 1 })
        const [left] = (await (await gateway.call('GET', '/v1/uploads')).json()).uploads
        const again = await gateway.call('POST', '/v1/uploads', uploadBody(), KEY)
        const upload = await again.json()
        expect([again.status, upload.id]).toEqual([201, left.id])
        expect(await usage(gateway)).toEqual({ used: 0, pending: 1_000, slots: 1 })
        await put(upload)
        const completed = await gateway.call('POST', `/v1/uploads/${upload.id}/complete`)
        expect(completed.status).toBe(200)
        expect(await usage(gateway)).toEqual({ used: 1_000, pending: 0, slots: 0 })
      },
    )

    it('R19 after reserve, without a retry: the sweeper gives it back after exp', async () => {
      await using child = await startSuicidal('after reserve')
      const call = callOver(child.url, prepared)
      await expect(call('POST', '/v1/uploads', uploadBody())).rejects.toThrow()
      await child.ended
      await using gateway = await restart()
      expect(await usage(gateway)).toEqual({ used: 0, pending: 1_000, slots: 1 })
      for (const _ of [1, 2]) {
        await gateway.advance(HOURS_MS)
        await sweepAll(gateway.context)
      }
      expect(await usage(gateway)).toEqual({ used: 0, pending: 0, slots: 0 })
    })

    it.each(['after HEAD', 'after finish S'])(
      'R19 %s of a complete: it is settled once, and can be asked for again',
      async (killAt) => {
        await using child = await startSuicidal(killAt)
        const call = callOver(child.url, prepared)
        const upload = await (await call('POST', '/v1/uploads', uploadBody())).json()
        await put(upload)
        await expect(call('POST', `/v1/uploads/${upload.id}/complete`)).rejects.toThrow()
        await child.ended
        await using gateway = await restart()
        for (const _ of [1, 2]) {
          const answer = await gateway.call('POST', `/v1/uploads/${upload.id}/complete`)
          expect(await answer.json()).toMatchObject({ status: 'completed', sizeBytes: 1_000 })
          expect(await usage(gateway)).toEqual({ used: 1_000, pending: 0, slots: 0 })
        }
      },
    )

    it.each(['after claim', 'after HEAD', 'after finish S', 'after finish X'])(
      'R19 %s in a sweep: after the lease another sweep ends what is left, once',
      async (killAt) => {
        const [arrived, lost] = await (async () => {
          await using before = await restart()
          const made = await Promise.all(
            ['arrived', 'lost'].map(async (name) => {
              const body = uploadBody({ key: `acme/alice/${name}` })
              return (await before.call('POST', '/v1/uploads', body)).json()
            }),
          )
          await put(made[0])
          return made
        })()
        await ledger.setAhead(HOURS_MS)
        await using child = await startSuicidal(killAt, { CLOCK_SHIFT_MS: String(HOURS_MS) })
        await expect(sweepOver(child.adminUrl)).rejects.toThrow()
        expect(await child.ended).toEqual({ code: null, signal: 'SIGKILL' })
        await using gateway = await restart(HOURS_MS)
        // Its share is another's when it has not been heard of for a while.
        await until('both have ended', async () => {
          await gateway.advance(LEASE_MS + 10_000)
          await sweepAll(gateway.context)
          return (await statusOf(gateway, lost.id)) === 'expired'
        })
        expect(await statusOf(gateway, arrived.id)).toBe('completed')
        expect(await usage(gateway)).toEqual({ used: 1_000, pending: 0, slots: 0 })
      },
    )

    it('R19 kill -9 between upload and complete: a restart knows the upload and what is used', async () => {
      const first = await startGateway(prepared)
      const call = callOver(first.url, prepared)
      const upload = await (await call('POST', '/v1/uploads', uploadBody())).json()
      await put(upload)
      first.kill('SIGKILL')
      await first.ended
      await using second = await startGateway(prepared)
      const again = callOver(second.url, prepared)
      const completed = await again('POST', `/v1/uploads/${upload.id}/complete`)
      expect(await completed.json()).toMatchObject({ status: 'completed', sizeBytes: 1_000 })
      // The audit log says so too, and no line of it is torn.
      second.kill('SIGTERM')
      expect(await second.ended).toEqual({ code: 0, signal: null })
      const lines = (await readFile(`${directory.path}/audit.jsonl`, 'utf8')).trim().split('\n')
      expect(lines.map((line) => JSON.parse(line).event)).toEqual([
        'upload.granted',
        'upload.settled',
      ])
    })
  })
}
