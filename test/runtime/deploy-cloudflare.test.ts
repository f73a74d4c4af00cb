import { cp, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { bundleWorker, writeWorker } from '../../deploy/cloudflare/bundle-worker.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { startChild } from '../support/gateway-process.ts'
import { openTemporaryDirectory } from '../support/stores/temporary-directory.ts'
import { TEST_ADMIN_TOKEN, TEST_PEPPER, TEST_TICKET_KEY } from '../support/test-config.ts'
import { describeOnRuntimes } from './runtimes-under-test.ts'

const ROOT = join(import.meta.dirname, '../..')
const DEPLOY = join(ROOT, 'deploy/cloudflare')

const SECRETS = {
  SIGNET_PEPPER: TEST_PEPPER,
  SIGNET_TICKET_KEY: TEST_TICKET_KEY,
  SIGNET_ADMIN_TOKEN: TEST_ADMIN_TOKEN,
  STORE_ACCESS_KEY: 'AKIATEST',
  STORE_SECRET_KEY: 'secret-of-a-store',
}

interface Wrangler {
  readonly main: string
  readonly compatibility_date: string
  readonly compatibility_flags: readonly string[]
  readonly durable_objects: { readonly bindings: readonly { name: string; class_name: string }[] }
  readonly migrations: readonly { readonly new_sqlite_classes: readonly string[] }[]
  readonly queues: { readonly producers: readonly { readonly binding: string }[] }
  readonly vars: { readonly SIGNET_CONFIG: { readonly audit: { readonly queue: string } } }
}

async function wrangler(): Promise<Wrangler> {
  const text = await readFile(join(DEPLOY, 'wrangler.jsonc'), 'utf8')
  return JSON.parse(text.replaceAll(/^\s*\/\/.*$/gm, ''))
}

it('the configuration of wrangler loads, and names what is bound beside it', async () => {
  const { vars, durable_objects, migrations, queues } = await wrangler()
  const { config } = await loadConfig(JSON.stringify(vars.SIGNET_CONFIG), 'wrangler.jsonc', {
    env: SECRETS,
    readText: () => Promise.reject(new Error('there are no files')),
    hashing: nodeHashing,
  })
  expect(config.state).toEqual({ kind: 'durable-objects' })
  expect(queues.producers.map(({ binding }) => binding)).toContain(vars.SIGNET_CONFIG.audit.queue)
  const { bindings } = durable_objects
  expect(bindings).toEqual([{ name: 'LEDGER', class_name: 'LedgerObject' }])
  expect(migrations.flatMap(({ new_sqlite_classes: names }) => names)).toEqual(['LedgerObject'])
})

it('wrangler and plain workerd run the same bundle, with the same switches', async () => {
  const { main, compatibility_date: date, compatibility_flags: flags } = await wrangler()
  const capnp = await readFile(join(DEPLOY, 'signet.capnp'), 'utf8')
  expect(main).toBe('dist/workerd/workerd.js')
  expect(capnp).toContain('import "dist/workerd/modules.capnp"')
  expect(capnp).toContain(`compatibilityDate = "${date}"`)
  expect(capnp).toContain(`compatibilityFlags = ${JSON.stringify(flags)}`)
})

describeOnRuntimes(({ workerd }) => {
  it('200: plain workerd serves both listeners by the file that is deployed', async () => {
    await using closing = new AsyncDisposableStack()
    const { path, close } = await openTemporaryDirectory()
    closing.defer(close)
    // As the README says it: from the root of the repository, where the objects lie.
    const deploy = join(path, 'deploy/cloudflare')
    await cp(join(DEPLOY, 'signet.capnp'), join(deploy, 'signet.capnp'))
    await mkdir(join(path, 'data/objects'), { recursive: true })
    const entry = join(ROOT, 'src/runtime/workerd.ts')
    await writeWorker(join(deploy, 'dist/workerd'), await bundleWorker({ entry, name: 'workerd' }))
    const { SIGNET_CONFIG } = (await wrangler()).vars
    const settings = { ...SIGNET_CONFIG, audit: { file: 'stdout' } }
    const child = closing.use(
      startChild({
        command: workerd,
        args: [
          'serve',
          'deploy/cloudflare/signet.capnp',
          '--control-fd=1',
          '--socket-addr=http=127.0.0.1:0',
          '--socket-addr=admin=127.0.0.1:0',
        ],
        cwd: path,
        env: { ...SECRETS, SIGNET_CONFIG: JSON.stringify(settings) },
      }),
    )
    const headers = { authorization: `Bearer ${TEST_ADMIN_TOKEN}` }
    for (const [socket, path] of [
      ['http', '/readyz'],
      ['admin', '/admin/v1/stores'],
    ] as const) {
      const [, port] = await child.said(new RegExp(`"socket":"${socket}","port":(\\d+)`))
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers })
      expect([socket, answer.status]).toEqual([socket, 200])
      await answer.bytes()
    }
  })
})
