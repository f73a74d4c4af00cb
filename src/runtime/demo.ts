import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { curlSession } from './demo/curl-session.ts'
import { DEMO_BUCKET, demoConfig } from './demo/demo-config.ts'
import { demoSecrets } from './demo/demo-secrets.ts'
import { type EmbeddedStore, openEmbeddedStore } from './demo/embedded-store.ts'
import { listenNode } from './listen-node.ts'
import { run, runToEnd } from './run.ts'

/**
 * `npm run demo`: an embedded store, a gateway on an embedded ledger, one tenant. `PORT` and
 * `ADMIN_PORT` move it, 0 picks a free port; `DATA_DIR` moves its data; `ORIGIN` lets a
 * page of that origin call the API. The last line of its output is
 * `ready` and a JSON object.
 */
async function demo(env: NodeJS.ProcessEnv): Promise<void> {
  const directory = resolve(env.DATA_DIR ?? 'data/demo')
  const secrets = demoSecrets(directory)
  await using closing = new AsyncDisposableStack()
  const store = await openStore(directory)
  closing.defer(() => store.close())
  const file = join(directory, 'signet.json')
  writeFileSync(
    file,
    demoConfig({
      port: portOf(env.PORT, 8080),
      adminPort: portOf(env.ADMIN_PORT, 9090),
      directory,
      store,
      keyHash: secrets.keyHash,
      origins: env.ORIGIN === undefined || env.ORIGIN === '' ? [] : [env.ORIGIN],
    }),
    { mode: 0o600 },
  )
  await run({
    env,
    file,
    listen: listenNode,
    reloads: false,
    onRunning({ gatewayUrl, adminUrl }) {
      const { adminToken, apiKey } = secrets
      const session = curlSession({ gatewayUrl, apiKey, bucket: DEMO_BUCKET })
      const ready = {
        gatewayUrl,
        adminUrl,
        adminToken,
        apiKey,
        bucket: DEMO_BUCKET,
        storeUrl: store.url,
      }
      process.stdout.write(`\n${session}\nready ${JSON.stringify(ready)}\n`)
    },
  })
}

/** On the port that it had last time, if that is free: links that were handed out stay good. */
async function openStore(directory: string): Promise<EmbeddedStore> {
  const portFile = join(directory, 'store.port')
  const last = existsSync(portFile) ? Number(readFileSync(portFile, 'utf8')) : 0
  const open = (port: number) =>
    openEmbeddedStore({
      directory: join(directory, 'objects'),
      port,
      bucket: 'media',
      origins: ['*'],
    })
  const store = await open(last).catch(() => open(0))
  writeFileSync(portFile, new URL(store.url).port)
  return store
}

function portOf(text: string | undefined, fallback: number): number {
  const port = text === undefined || text === '' ? fallback : Number(text)
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port
  throw new Error(`Cannot use the port "${text}": it must be a whole number from 0 to 65535`)
}

await runToEnd(demo(process.env))
