import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { bundleWorker, startOf, type WorkerModule } from '../../deploy/cloudflare/bundle-worker.ts'
import { createApiKey, hashApiKey } from '../../src/auth/api-key.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { Secret } from '../../src/secret.ts'
import {
  CAPABLE_STORE,
  ROOMY_PLAN,
  TEST_ADMIN_TOKEN,
  TEST_PEPPER,
  TEST_TICKET_KEY,
} from '../support/test-config.ts'
import { startWorker } from '../support/worker-process.ts'
import { describeOnRuntimes } from './runtimes-under-test.ts'

const SRC = join(import.meta.dirname, '../../src')

/** The bundle, minified, in bytes: what a worker has read when it starts, its Durable Objects among it. */
const MAX_START_BYTES = 100_000
/** And when it answers the first request for an upload: the gateway too, with its settings. */
const MAX_FIRST_ANSWER_BYTES = 425_000
/** The file with the handlers, which the first request loads. */
const HANDLERS = 'bundle-objects-worker.js'

const bundle = (file: string) => bundleWorker({ entry: join(SRC, file), name: 'bundle' })

/** What is read for the first answer: the start, and the handlers with all that they import. */
function readForFirstAnswer(modules: readonly WorkerModule[]): readonly WorkerModule[] {
  const handlers = modules.filter(({ fileName }) => fileName === HANDLERS)
  const late = startOf([...handlers, ...modules.filter((each) => !handlers.includes(each))])
  return [...new Set([...startOf(modules), ...late])]
}

function sizeOf(modules: readonly WorkerModule[]): number {
  return modules.reduce((sum, { code }) => sum + Buffer.byteLength(code), 0)
}

it('a worker reads no more than it may when it starts, and before its first answer', async () => {
  const modules = await bundle('runtime/workerd.ts')
  expect(sizeOf(startOf(modules))).toBeLessThanOrEqual(MAX_START_BYTES)
  expect(sizeOf(readForFirstAnswer(modules))).toBeLessThanOrEqual(MAX_FIRST_ANSWER_BYTES)
})

it.each(['http/create-app.ts', 'http/create-admin-app.ts', 'runtime/compose-context.ts'])(
  'nothing of a runtime is in %s, nor in what it loads later',
  async (file) => {
    const named = (await bundle(file)).flatMap(({ code }) => [
      ...code.matchAll(/(?:from|import|require)\s*\(?\s*["'`]((?:node|cloudflare):[^"'`]*)/g),
    ])
    expect(named.map(([, name]) => name)).toEqual([])
  },
)

describeOnRuntimes(({ workerd }) => {
  it('201: a worker grants uploads with nothing but what that measure counts', async () => {
    const key = createApiKey((length) => crypto.getRandomValues(new Uint8Array(length)), 'alice')
    await using worker = await startWorker({
      program: workerd,
      folder: await mkdtemp(join(tmpdir(), 'signet-bundle-')),
      modules: readForFirstAnswer(await bundle('runtime/workerd.ts')),
      bindings: { SIGNET_CONFIG: JSON.stringify(settingsWith(key)) },
      objects: { LEDGER: 'LedgerObject' },
    })
    const url = worker.urls.get('default')
    const headers = { authorization: `Bearer ${key.reveal()}`, 'content-type': 'application/json' }
    const wanted = { bucket: 'media', sizeBytes: 5, contentType: 'text/plain' }
    const ask = (body: object) =>
      fetch(`${url}/v1/uploads`, { method: 'POST', headers, body: JSON.stringify(body) })
    const created = await ask(wanted)
    expect(created.status).toBe(201)
    const refused = await ask({ ...wanted, sizeBytes: -1 })
    expect(refused.status).toBe(400)
    // What is not there is really not there.
    const description = await fetch(`${url}/openapi.json`)
    expect(description.status).toBe(500)
    await description.body?.cancel()
  })
})

function settingsWith(key: Secret): object {
  const pepper = { version: 1, secret: new Secret(TEST_PEPPER) }
  const allow = [{ operations: ['upload'], buckets: ['media'], prefix: 'acme/alice/' }]
  const keys = [{ id: 'alice', user: 'alice', hash: hashApiKey(nodeHashing, pepper, key), allow }]
  return {
    state: 'durable-objects:',
    audit: { file: 'stdout' },
    secrets: { pepper: TEST_PEPPER, ticketKey: TEST_TICKET_KEY, adminToken: TEST_ADMIN_TOKEN },
    stores: { main: CAPABLE_STORE },
    buckets: {
      media: {
        placements: [{ store: 'main', bucket: 'media' }],
        keys: { template: '{tenant}/{user}/{uuid}' },
      },
    },
    plans: { roomy: ROOMY_PLAN },
    tenants: { acme: { plan: 'roomy', users: { alice: {} }, keys } },
  }
}
