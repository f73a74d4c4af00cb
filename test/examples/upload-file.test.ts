import { createHash, randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listenNode } from '../../src/runtime/listen-node.ts'
import { gatewayOnStore, storeSettings } from '../gateway/gateway-on-store.ts'
import { type Child, startChild } from '../support/gateway-process.ts'
import { describeOnCeph } from '../support/stores/stores-under-test.ts'
import {
  openTemporaryDirectory,
  type TemporaryDirectory,
} from '../support/stores/temporary-directory.ts'

const SCRIPT = join(import.meta.dirname, '../../config/examples/upload-file.mjs')
const DEMO_ENTRY = join(import.meta.dirname, '../../src/runtime/demo.ts')
const MIB = 2 ** 20

let directory: TemporaryDirectory
let demo: Child
/** What its users must know. */
let demonstrated: { gatewayUrl: string; apiKey: string; bucket: string }

beforeAll(async () => {
  directory = await openTemporaryDirectory()
  const env = { PORT: '0', ADMIN_PORT: '0', DATA_DIR: join(directory.path, 'data') }
  demo = startChild({ args: [DEMO_ENTRY], env })
  await demo.said(/^ready .*\n/m)
  demonstrated = JSON.parse(
    (demo.stdout().trimEnd().split('\n').at(-1) ?? '').replace(/^ready /, ''),
  )
})
afterAll(async () => {
  demo.kill('SIGTERM')
  await demo.ended
  await directory.close()
})

/** What the script prints, of a file of these bytes. */
async function run(
  bytes: Uint8Array,
  { gatewayUrl: SIGNET, apiKey: KEY, bucket } = demonstrated,
): Promise<{ said: string; told: string; code: number | null }> {
  const file = join(directory.path, 'a film (1).bin')
  await writeFile(file, bytes)
  const args = [SCRIPT, file, 'application/octet-stream', bucket]
  const child = startChild({ args, env: { SIGNET, KEY } })
  const { code } = await child.ended
  return { said: child.stdout(), told: child.stderr(), code }
}

async function download(
  key: string,
  { gatewayUrl, apiKey, bucket } = demonstrated,
): Promise<string> {
  const answer = await fetch(`${gatewayUrl}/v1/downloads`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ bucket, key }),
  })
  const { request } = (await answer.json()) as { request: { url: string } }
  const bytes = await (await fetch(request.url)).bytes()
  return createHash('sha256').update(bytes).digest('hex')
}

describe('the example that uploads a file', () => {
  it.each([
    ['a small one by one PUT', 300 * 1024, 0],
    ['a large one in parts', 70 * MIB, 9],
  ])('uploads %s, byte for byte', async (_, sizeBytes, partCount) => {
    const bytes = randomBytes(sizeBytes)
    const { said, told, code } = await run(bytes)
    expect({ code, told: told.match(/^part /gm)?.length ?? 0 }).toEqual({
      code: 0,
      told: partCount,
    })
    const done = JSON.parse(said)
    expect(done).toMatchObject({ status: 'completed', sizeBytes })
    expect(await download(done.key)).toBe(createHash('sha256').update(bytes).digest('hex'))
  })

  describeOnCeph('with forms', (ceph) => {
    it('uploads by a form, where the gateway chooses one', async () => {
      const { capabilities } = storeSettings(ceph)
      // Its PUT would not bind the size.
      const store = { capabilities: { ...(capabilities as object), signedLength: 'no' } }
      const keys = { template: '{tenant}/{user}/{uuid}' }
      const gateway = await gatewayOnStore(ceph, { store, bucket: { keys } })
      const { server } = gateway.context.config
      const api = await listenNode(gateway.app.fetch, { host: '127.0.0.1', port: 0 }, server)
      try {
        const gatewayUrl = `http://127.0.0.1:${api.address.port}`
        const own = { gatewayUrl, apiKey: gateway.key(), bucket: 'media' }
        const bytes = randomBytes(300 * 1024)
        const { said, told, code } = await run(bytes, own)
        expect({ code, told }).toEqual({ code: 0, told: '' })
        const done = JSON.parse(said)
        expect(done).toMatchObject({ status: 'completed', sizeBytes: bytes.length })
        expect(await download(done.key, own)).toBe(createHash('sha256').update(bytes).digest('hex'))
      } finally {
        await api.stop(0)
        await gateway.close()
      }
    })
  })

  it('says in the gateway’s words why it cannot, and how it is used', async () => {
    const refused = await run(randomBytes(5), { ...demonstrated, bucket: 'other' })
    expect(refused.code).toBe(1)
    expect(refused.told).toContain('AccessDenied')
    const child = startChild({ args: [SCRIPT], env: {} })
    expect((await child.ended).code).toBe(2)
    expect(child.stderr()).toContain('Usage: ')
  })
})
