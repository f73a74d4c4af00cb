import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { bundleWorker, type WorkerModule } from '../../deploy/cloudflare/bundle-worker.ts'
import { createApiKey, hashApiKey } from '../../src/auth/api-key.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { Secret } from '../../src/secret.ts'
import { storeSettings } from '../gateway/gateway-on-store.ts'
import { type QueueServer, startQueueServer } from '../support/queue-server.ts'
import { createTestBucket, describeOnCeph } from '../support/stores/stores-under-test.ts'
import { openTemporaryDirectory } from '../support/stores/temporary-directory.ts'
import { TEST_ADMIN_TOKEN, TEST_PEPPER } from '../support/test-config.ts'
import { testConfig, uploadBody } from '../support/test-gateway.ts'
import { until } from '../support/until.ts'
import { startWorker, type WorkerProcess } from '../support/worker-process.ts'
import { describeOnRuntimes } from './runtimes-under-test.ts'

const ENTRY = join(import.meta.dirname, '../support/workerd/cron-worker.ts')

describeOnRuntimes(({ workerd }) => {
  const closing = new AsyncDisposableStack()
  let modules: readonly WorkerModule[]
  let queue: QueueServer
  let worker: WorkerProcess

  const secret = createApiKey(
    (length) => crypto.getRandomValues(new Uint8Array(length)),
    'acmealice',
  )
  const hash = hashApiKey(nodeHashing, { version: 1, secret: new Secret(TEST_PEPPER) }, secret)

  beforeAll(async () => {
    modules = await bundleWorker({ entry: ENTRY, name: 'cron' })
    queue = closing.use(await startQueueServer())
    worker = await start({})
  })
  afterAll(() => closing.disposeAsync())
  beforeEach(() => queue.behave('takes'))

  /** A worker of these settings, which goes with the tests. */
  async function start(changes: Record<string, unknown>): Promise<WorkerProcess> {
    const directory = await openTemporaryDirectory()
    closing.defer(directory.close)
    const allow = { 'acme/alice': [{ networks: ['192.0.2.0/24'], prefix: 'acme/alice/' }] }
    const text = testConfig(
      { tenants: { acme: ['alice'] }, allow },
      new Map([['acme/alice', hash]]),
    )
    const settings = { ...parse(text), state: 'durable-objects:', audit: { queue: 'AUDIT' } }
    return closing.use(
      await startWorker({
        program: workerd,
        folder: directory.path,
        modules,
        bindings: {
          SIGNET_CONFIG: JSON.stringify({ ...settings, ...changes }),
          SIGNET_ADDRESS_HEADER: 'x-peer',
        },
        objects: { LEDGER: 'LedgerObject' },
        queues: { AUDIT: queue.url },
        entrypoints: ['default', 'admin'],
      }),
    )
  }

  const urlOf = (name: 'default' | 'admin') => worker.urls.get(name) ?? ''

  function upload(
    name: string,
    { peer = '192.0.2.7', signal }: { peer?: string; signal?: AbortSignal } = {},
  ) {
    return fetch(`${urlOf('default')}/v1/uploads`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${secret.reveal()}`,
        'content-type': 'application/json',
        ...(peer !== '' && { 'x-peer': peer }),
      },
      body: JSON.stringify(uploadBody({ key: `acme/alice/${name}` })),
      signal: signal ?? null,
    })
  }

  function admin(url: string, path: string): Promise<Response> {
    return fetch(`${url}/admin/v1/${path}`, {
      headers: { authorization: `Bearer ${TEST_ADMIN_TOKEN}` },
    })
  }

  const granted = (name: string) =>
    queue.messages.filter(({ event, uploadId }) => event === 'upload.granted' && uploadId === name)

  describe('a worker', () => {
    it('404: has the admin API behind an entry point of its own, and nowhere else', async () => {
      expect((await admin(urlOf('admin'), 'stores')).status).toBe(200)
      expect((await admin(urlOf('default'), 'stores')).status).toBe(404)
    })

    it('201, 403: takes the peer from the header that it is told of, and from nothing else', async () => {
      expect((await upload('here')).status).toBe(201)
      expect((await upload('elsewhere', { peer: '198.51.100.7' })).status).toBe(403)
      expect((await upload('nowhere', { peer: '' })).status).toBe(403)
    })

    it('201: has sent each grant to its queue before anybody sees it', async () => {
      const answer = await upload('recorded')
      const { id } = (await answer.json()) as { id: string }
      expect(granted(id)).toMatchObject([{ tenant: 'acme', user: 'alice', sizeBytes: 1000 }])
    })

    it('503: gives no grant that its queue does not take, and charges nothing for it', async () => {
      queue.behave('refuses')
      const refused = await upload('unrecorded')
      expect([refused.status, (await refused.json()).code]).toEqual([503, 'Overloaded'])
      queue.behave('takes')
      expect((await upload('unrecorded')).status).toBe(201)
    })

    it('gives back what a client was not granted who is gone, and keeps nobody else waiting', async () => {
      const before = await pending()
      queue.behave('waits')
      const leaving = new AbortController()
      const gone = upload('left', { signal: leaving.signal })
      await until('it waits for the queue', async () => queue.waiting === 1, 5_000)
      expect(await pending()).toBe((before ?? NaN) + 1)
      leaving.abort()
      await expect(gone).rejects.toThrow()
      queue.behave('refuses')
      await until('it is given back', async () => (await pending()) === before, 5_000)
      queue.behave('takes')
      expect((await upload('after')).status).toBe(201)
    })

    it('500: says nothing but that, and tells its log each problem of its settings once', async () => {
      const broken = await start({ state: 'redis://127.0.0.1:1', plans: { free: { rates: 7 } } })
      for (const url of Array<string>(3).fill(`${broken.urls.get('default')}/v1/usage`)) {
        const answers = await Promise.all([fetch(url), fetch(url)])
        for (const answer of answers) {
          const problem = (await answer.json()) as Record<string, unknown>
          expect([answer.status, problem.code]).toEqual([500, 'InternalError'])
          expect(Object.keys(problem)).not.toContain('detail')
        }
      }
      await broken.said(/config\.problem.*plans\.free\.rates/)
      expect(broken.stdout().match(/config\.problem.*plans\.free\.rates/g)).toHaveLength(1)
    })
  })

  describeOnCeph('the cron trigger of a worker', (store) => {
    it('probes a store of which nothing is known, and what it sees is in force', async () => {
      const bucket = await createTestBucket(store)
      const { capabilities: _, ...known } = storeSettings(store)
      const other = await start({
        stores: { main: { ...known, addressing: 'path', probe: 'auto' } },
        buckets: {
          media: {
            placements: [{ store: 'main', bucket }],
            keys: { callerPrefix: '{tenant}/{user}/' },
          },
        },
      })
      const adminUrl = other.urls.get('admin') ?? ''
      const writeOnce = async () => {
        const { stores } = (await (await admin(adminUrl, 'stores')).json()) as {
          stores: { capabilities: { writeOnce: string } }[]
        }
        return stores.map(({ capabilities }) => capabilities.writeOnce)
      }
      expect(await writeOnce()).toEqual(['probe'])
      expect((await fetch(`${other.urls.get('default')}/cron`)).status).toBe(200)
      expect(await writeOnce()).toEqual(['if-none-match'])
    })
  })

  /** Uploads of alice that are under way. */
  async function pending(): Promise<number | undefined> {
    const answer = await fetch(`${urlOf('default')}/v1/usage`, {
      headers: { authorization: `Bearer ${secret.reveal()}` },
    })
    const { limits } = (await answer.json()) as { limits: { policy: string; pending: number }[] }
    return limits.find(({ policy }) => policy === 'user-pending')?.pending
  }
})
