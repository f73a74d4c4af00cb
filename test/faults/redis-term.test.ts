import { join } from 'node:path'
import { expect, it } from 'vitest'
import { storeSettings } from '../gateway/gateway-on-store.ts'
import { callOver, prepareGateway, startGateway } from '../support/gateway-process.ts'
import { initialiseLedger } from '../support/redis/initialise.ts'
import { ledgerAtRest } from '../support/redis/ledger-at-rest.ts'
import { openRedisServer, type RedisServer } from '../support/redis/redis-server.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'
import { createTestBucket, embeddedStore } from '../support/stores/stores-under-test.ts'
import { openTemporaryDirectory } from '../support/stores/temporary-directory.ts'
import { uploadBody } from '../support/test-gateway.ts'
import { keepAsking } from '../support/upload-load.ts'

const ENTRY = join(import.meta.dirname, '../support/signalled-gateway.ts')

/** A gateway on Redis that gets a SIGTERM at an await, and leaves without a delay. */
async function startOn(server: RedisServer, closing: AsyncDisposableStack, signalAt: string) {
  const directory = await openTemporaryDirectory()
  closing.defer(directory.close)
  const store = embeddedStore()
  const prepared = await prepareGateway(
    directory.path,
    {
      server: { shutdownDelaySeconds: 0, drainSeconds: 20 },
      store: storeSettings(store),
      bucket: { placements: [{ store: 'main', bucket: await createTestBucket(store) }] },
    },
    { state: server.url, ledger: { commandTimeoutMs: 5_000 } },
  )
  await initialiseLedger(prepared)
  const env = { SIGNAL_AT: signalAt }
  const gateway = closing.use(await startGateway(prepared, { entry: ENTRY, env }))
  return { gateway, call: callOver(gateway.url, prepared) }
}

describeOnRedis('SIGTERM in the middle of a decision on Redis', () => {
  it.each(['before reserve', 'after reserve', 'before audit', 'before answer'])(
    'R18 %s: whoever is answered 201 has a reservation, all others have none',
    async (signalAt) => {
      await using closing = new AsyncDisposableStack()
      const server = closing.use(await openRedisServer({ appendOnly: 'always' }))
      const { gateway, call } = await startOn(server, closing, signalAt)
      const load = keepAsking([call], 8)
      closing.defer(load.stop)
      expect(await gateway.ended).toEqual({ code: 0, signal: null })
      await load.stop()
      const { records, drift } = await ledgerAtRest(server)
      expect(drift).toEqual([])
      // 0: there was nobody any more who would have decided.
      expect(load.answers.filter(({ status }) => status !== 201 && status !== 0)).toEqual([])
      expect(load.granted().length).toBeGreaterThan(0)
      expect(new Set(records.keys())).toEqual(new Set(load.granted()))
    },
  )

  it.each(['after HEAD', 'after finish S'])(
    'R18 %s of a complete: it is answered, and settled once',
    async (signalAt) => {
      await using closing = new AsyncDisposableStack()
      const server = closing.use(await openRedisServer({ appendOnly: 'always' }))
      const { gateway, call } = await startOn(server, closing, signalAt)
      const { id, request } = await (await call('POST', '/v1/uploads', uploadBody())).json()
      const { url, headers } = request
      const put = await fetch(url, { method: 'PUT', headers, body: new Uint8Array(1_000) })
      expect(put.status).toBe(200)
      const completed = await call('POST', `/v1/uploads/${id}/complete`)
      expect([completed.status, (await completed.json()).status]).toEqual([200, 'completed'])
      expect(await gateway.ended).toEqual({ code: 0, signal: null })
      const { records, drift } = await ledgerAtRest(server)
      expect(drift).toEqual([])
      expect([...records].map(([rid, { state }]) => [rid, state])).toEqual([[id, 'S']])
    },
  )
})
