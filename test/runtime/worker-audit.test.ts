import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { bundleWorker } from '../../deploy/cloudflare/bundle-worker.ts'
import { createApiKey, hashApiKey } from '../../src/auth/api-key.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { Secret } from '../../src/secret.ts'
import {
  type AuditCollector,
  COLLECTOR_KEY,
  startAuditCollector,
} from '../support/audit-collector.ts'
import { openTemporaryDirectory } from '../support/stores/temporary-directory.ts'
import { TEST_PEPPER } from '../support/test-config.ts'
import { testConfig, uploadBody } from '../support/test-gateway.ts'
import { startWorker, type WorkerProcess } from '../support/worker-process.ts'
import { describeOnRuntimes } from './runtimes-under-test.ts'

const ENTRY = join(import.meta.dirname, '../../src/runtime/workerd.ts')
const TOKEN = 'token-of-the-collector'

describeOnRuntimes(({ workerd }) =>
  describe('an audit log that a worker posts to a collector', () => {
    const opened = new AsyncDisposableStack()
    let collector: AuditCollector
    let worker: WorkerProcess
    let apiKey: string

    beforeAll(async () => {
      const directory = await openTemporaryDirectory()
      opened.defer(directory.close)
      collector = opened.use(await startAuditCollector())
      const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))
      const secret = createApiKey(random, 'acmealice')
      apiKey = secret.reveal()
      const pepper = { version: 1, secret: new Secret(TEST_PEPPER) }
      const hashes = new Map([['acme/alice', hashApiKey(nodeHashing, pepper, secret)]])
      const settings = {
        ...parse(testConfig({ tenants: { acme: ['alice'] } }, hashes)),
        state: 'durable-objects:',
        // biome-ignore lint/suspicious/noTemplateCurlyInString: this is how a reference is written
        audit: { http: { url: collector.url, token: '${AUDIT_TOKEN}' } },
      }
      worker = opened.use(
        await startWorker({
          program: workerd,
          folder: directory.path,
          modules: await bundleWorker({ entry: ENTRY, name: 'workerd' }),
          bindings: { SIGNET_CONFIG: JSON.stringify(settings), AUDIT_TOKEN: TOKEN },
          objects: { LEDGER: 'LedgerObject' },
        }),
      )
    })
    afterAll(() => opened.disposeAsync())

    const post = async (name: string) => {
      const answer = await fetch(`${worker.urls.get('default')}/v1/uploads`, {
        method: 'POST',
        headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
        body: JSON.stringify(uploadBody({ key: `acme/alice/${name}` })),
      })
      const { id, code } = (await answer.json()) as { id?: string; code?: string }
      return { status: answer.status, id, code }
    }

    it('has the event of a grant before anybody sees it, with the token', async () => {
      const { status, id } = await post('one')
      expect(status).toBe(201)
      expect(collector.posts.map(({ headers }) => headers.authorization)).toEqual([
        `Bearer ${TOKEN}`,
      ])
      expect(collector.events()).toMatchObject([{ event: 'upload.granted', uploadId: id }])
    })

    it.each([500, 'cut'] as const)(
      '503: grants nothing while it fails (%s), and heals',
      async (mode) => {
        collector.answer(mode)
        expect(await post(`refused by ${mode}`)).toMatchObject({ status: 503, code: 'Overloaded' })
        collector.answer(204)
        expect((await post(`after ${mode}`)).status).toBe(201)
      },
    )

    it('says in its log why, and not with every request', () => {
      const lines = worker.stdout().split('\n')
      const told = lines.filter((line) => line.includes('"audit.failing"'))
      const error = { message: 'Cannot post audit events: they were answered 500' }
      expect(told.map((line) => JSON.parse(line))).toMatchObject([{ level: 'error', error }])
    })

    it('shows neither the address nor the token', () => {
      const said = worker.stdout() + worker.stderr()
      for (const secret of [COLLECTOR_KEY, TOKEN]) expect(said).not.toContain(secret)
    })
  }),
)
