import type { TestProject } from 'vitest/node'
import { openEmbeddedStore } from '../../src/runtime/demo/embedded-store.ts'
import { ensureRuntimes, type Runtimes } from '../runtime/binaries.ts'
import type {} from '../runtime/runtimes-under-test.ts'
import type {} from './browser/browser-under-test.ts'
import { ensureChromium } from './browser/ensure-chromium.ts'
import { ensureRedis } from './redis/ensure-redis.ts'
import type {} from './redis/redis-under-test.ts'
import { type CephStore, openCephStore } from './stores/ceph-store.ts'
import type { Unavailable } from './stores/store-script.ts'
import { APP_ORIGIN, type SharedEmbedded } from './stores/stores-under-test.ts'
import { openSwiftStore, type SwiftStore } from './stores/swift-store.ts'
import { openTemporaryDirectory } from './stores/temporary-directory.ts'

/**
 * Opens the stores that a whole test run shares and hands them to tests (`stores-under-test.ts`),
 * and makes sure that tests can start a Redis (`redis-under-test.ts`), a browser
 * (`browser-under-test.ts`) and gateways on other runtimes (`runtimes-under-test.ts`). Throws when CI is
 * set and any of them cannot be had: there, a guarantee not shown is a failure.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  await using opened = new AsyncDisposableStack()
  await keepCompiled(opened)
  const embedded = await openSharedEmbedded(opened)
  // npm installs beside apt-get. Should one throw, the other ends with this process.
  const [runtimes, [redis, chromium]] = await Promise.all([ensureRuntimes(), ensurePrograms()])
  project.provide('redis', redis)
  if (redis.kind === 'unavailable') {
    if (isCi()) throw new Error(`Cannot run the tests without Redis in CI: ${redis.reason}`)
    opened.defer(() => {
      process.stdout.write(whatWasNotShownOfRedis(redis.reason))
    })
  }
  project.provide('chromium', chromium)
  if (chromium.kind === 'unavailable') {
    if (isCi()) throw new Error(`Cannot run the tests without Chromium in CI: ${chromium.reason}`)
    opened.defer(() => {
      process.stdout.write(whatWasNotShownInBrowsers(chromium.reason))
    })
  }
  // Side by side, for each takes a second or two. Should one throw, the other ends with this process.
  const [ceph, swift] = await Promise.all([
    openShared(opened, 'Ceph', openCephStore),
    openShared(opened, 'Swift', () => openSwiftStore({ origins: [APP_ORIGIN] })),
  ])
  provideRuntimes(project, opened, runtimes)
  project.provide('stores', { embedded, ...(ceph && { ceph }), ...(swift && { swift }) })
  const closing = opened.move()
  return () => closing.disposeAsync()
}

/** Gateways in processes of their own take half their start to compile what all others have, too. */
async function keepCompiled(opened: AsyncDisposableStack): Promise<void> {
  const directory = await openTemporaryDirectory()
  opened.defer(directory.close)
  process.env.NODE_COMPILE_CACHE = directory.path
}

async function ensurePrograms() {
  return [await ensureRedis(), await ensureChromium()] as const
}

function provideRuntimes(
  project: TestProject,
  opened: AsyncDisposableStack,
  runtimes: Runtimes,
): void {
  project.provide('runtimes', runtimes)
  if (runtimes.kind === 'runtimes') return
  const { reason } = runtimes
  if (isCi()) throw new Error(`Cannot run the tests without other runtimes in CI: ${reason}`)
  opened.defer(() => {
    process.stdout.write(whatWasNotShownOfRuntimes(reason))
  })
}

async function openSharedEmbedded(opened: AsyncDisposableStack): Promise<SharedEmbedded> {
  const directory = await openTemporaryDirectory()
  opened.defer(directory.close)
  const store = await openEmbeddedStore({
    directory: directory.path,
    port: 0,
    bucket: 'media',
    origins: ['*'],
  })
  opened.defer(store.close)
  const { url, accessKeyId, secretAccessKey } = store
  return {
    kind: 'embedded',
    endpoint: url,
    region: 'us-east-1',
    credentials: { main: { accessKeyId, secretAccessKey } },
  }
}

/** A store for the whole run, or undefined where it cannot be had: then the run ends by saying so. */
async function openShared<Store extends CephStore | SwiftStore>(
  opened: AsyncDisposableStack,
  name: keyof typeof NOT_SHOWN_WITHOUT,
  open: () => Promise<Store | Unavailable>,
): Promise<Omit<Store, 'close'> | undefined> {
  const store = await open()
  if (store.kind === 'unavailable') {
    if (isCi()) throw new Error(`Cannot run the tests without ${name} in CI: ${store.reason}`)
    opened.defer(() => {
      process.stdout.write(whatWasNotShown(name, store.reason))
    })
    return undefined
  }
  const { close, ...shared } = store
  opened.defer(close)
  // What is provided crosses to other processes, and a function cannot.
  return shared
}

function isCi(): boolean {
  return ['true', '1'].includes(process.env.CI ?? '')
}

const NOT_SHOWN_WITHOUT = {
  Ceph: `Nothing else here shows: write-once and conditional PUTs, form policies, credentials that cannot
read, payload hashes, tagging, bucket policies, the CORS API, and store events.
To show them, run the tests as root on Debian, or install radosgw, ceph-mon and ceph-osd.`,
  Swift: `Nothing else here shows: a store that checks the region and refuses unsigned copies, ACLs and
metadata, one that refuses If-None-Match on PUT, and write-once on completing a multipart upload.
To show them, run the tests as root on Debian, or install swift-proxy, swift-account, swift-container,
swift-object and memcached.`,
} as const

function whatWasNotShown(name: keyof typeof NOT_SHOWN_WITHOUT, reason: string): string {
  return `
NOT SHOWN: this run had no ${name} (${reason}).
${NOT_SHOWN_WITHOUT[name]}
`
}

function whatWasNotShownOfRedis(reason: string): string {
  return `
NOT SHOWN: this run had no Redis (${reason}).
Nothing was shown of the ledger on Redis: its agreement with the other drivers, its topologies, and
what it keeps through kills, failovers, stalls, full memory and lost replies.
To show it, run the tests as root on Debian, or install redis-server.
`
}

function whatWasNotShownInBrowsers(reason: string): string {
  return `
NOT SHOWN: this run had no Chromium (${reason}).
Nothing was shown of a web page that uploads: CORS, progress, files of a real browser, playback.
To show it, run the tests as root on Debian, or install chromium.
`
}

function whatWasNotShownOfRuntimes(reason: string): string {
  return `
NOT SHOWN: this run had no Bun, Deno and workerd (${reason}).
Nothing was shown of gateways on other runtimes than Node.
To show it, let npm install what test/runtime/binaries/package-lock.json names.
`
}
