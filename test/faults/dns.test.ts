import { execFileSync } from 'node:child_process'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { expectRefused } from '../support/expect-refused.ts'
import {
  callOver,
  type GatewayProcess,
  type PreparedGateway,
  prepareGateway,
  startGateway,
} from '../support/gateway-process.ts'
import {
  openTemporaryDirectory,
  type TemporaryDirectory,
} from '../support/stores/temporary-directory.ts'
import { TEST_ADMIN_TOKEN } from '../support/test-config.ts'
import { uploadBody } from '../support/test-gateway.ts'
import { until } from '../support/until.ts'

const FULL_POOL = join(import.meta.dirname, '../support/full-pool.ts')
const UNAVAILABLE = { status: 503, code: 'StoreUnavailable' } as const
const KEY = 'acme/alice/cat.jpg'

let directory: TemporaryDirectory
beforeEach(async () => {
  directory = await openTemporaryDirectory()
})
afterEach(() => directory.close())

/** Whatever a caller may ask of a gateway that does not ask the store, and what asks it. */
async function expectServed(gateway: GatewayProcess, prepared: PreparedGateway) {
  const call = callOver(gateway.url, prepared)
  const uploads = await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      call('POST', '/v1/uploads', uploadBody({ key: `acme/alice/${n}` })),
    ),
  )
  const download = { bucket: 'media', key: KEY }
  const others = [
    await call('POST', '/v1/downloads', download),
    await call('POST', '/v1/downloads', { items: [download] }),
    await call('GET', '/v1/usage'),
    await fetch(`${gateway.url}/healthz`),
    await fetch(`${gateway.url}/readyz`),
    await fetch(`${gateway.adminUrl}/metrics`),
  ]
  expect(uploads.map(({ status }) => status)).toEqual(uploads.map(() => 201))
  expect(others.map(({ status }) => status)).toEqual(others.map(() => 200))
  const [first] = uploads
  const { id } = first === undefined ? { id: '' } : ((await first.json()) as { id: string })
  const overwrite = uploadBody({ key: KEY, overwrite: true })
  const refused = await Promise.all([
    call('POST', `/v1/uploads/${id}/complete`, {}),
    call('GET', '/v1/objects/media'),
    call('POST', '/v1/uploads', overwrite),
  ])
  for (const answer of refused) await expectRefused(answer, UNAVAILABLE)
}

describe('the names of stores', () => {
  const allow = {
    'acme/alice': [{ operations: ['upload', 'overwrite', 'download', 'list', 'delete'] }],
  }

  it('R29 hang, and with them every thread of the pool: links are issued, and what needs the store is 503 in time', async () => {
    const fifo = join(directory.path, 'fifo')
    execFileSync('mkfifo', [fifo])
    const store = { endpoint: 'http://store.example', timeoutMs: 300 }
    const prepared = await prepareGateway(directory.path, { store, allow })
    const env = { FIFO: fifo, UV_THREADPOOL_SIZE: '2', NODE_OPTIONS: `--import=${FULL_POOL}` }
    await using gateway = await startGateway(prepared, { env })
    gateway.kill('SIGUSR2')
    await gateway.said(/"pool\.full"/)
    await expectServed(gateway, prepared)
    expect(gateway.stderr()).not.toContain('"pool.free"')

    const pipe = await open(fifo, 'w')
    await pipe.close()
    await gateway.said(/"pool\.free"/)
    gateway.kill('SIGTERM')
    expect(await gateway.ended).toEqual({ code: 0, signal: null })
  })

  it('R29 are not known: the same, and the store is down for whoever asks', async () => {
    const store = { endpoint: 'http://store.invalid', timeoutMs: 5_000 }
    const prepared = await prepareGateway(directory.path, { store, allow })
    await using gateway = await startGateway(prepared)
    const headers = { authorization: `Bearer ${TEST_ADMIN_TOKEN}` }
    await until('the store is known to be down', async () => {
      const answer = await fetch(`${gateway.adminUrl}/admin/v1/stores`, { headers })
      const { stores } = (await answer.json()) as { stores: { health: { breaker: string } }[] }
      return stores[0]?.health.breaker === 'open'
    })
    await expectServed(gateway, prepared)
  })
})
