import type { TestProject } from 'vitest/node'
import { openEmbeddedStore } from '../../src/runtime/demo/embedded-store.ts'
import { ensureRedis } from './redis/ensure-redis.ts'
import type {} from './redis/redis-under-test.ts'
import { openCephStore } from './stores/ceph-store.ts'
import type { SharedCeph, SharedEmbedded } from './stores/stores-under-test.ts'
import { openTemporaryDirectory } from './stores/temporary-directory.ts'

/**
 * Opens the stores that a whole test run shares and hands them to tests (`stores-under-test.ts`),
 * and makes sure that tests can start a Redis (`redis-under-test.ts`). Throws when CI is set and
 * Ceph or Redis cannot be had: there, a guarantee not shown is a failure.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  await using opened = new AsyncDisposableStack()
  const embedded = await openSharedEmbedded(opened)
  const redis = await ensureRedis()
  project.provide('redis', redis)
  if (redis.kind === 'unavailable') {
    if (isCi()) throw new Error(`Cannot run the tests without Redis in CI: ${redis.reason}`)
    opened.defer(() => {
      process.stdout.write(whatWasNotShownOfRedis(redis.reason))
    })
  }
  const ceph = await openCephStore()
  if (ceph.kind === 'unavailable') {
    if (isCi()) throw new Error(`Cannot run the tests without Ceph in CI: ${ceph.reason}`)
    opened.defer(() => {
      process.stdout.write(whatWasNotShownOfCeph(ceph.reason))
    })
    project.provide('stores', { embedded })
  } else {
    opened.defer(ceph.close)
    project.provide('stores', { embedded, ceph: withoutClose(ceph) })
  }
  const closing = opened.move()
  return () => closing.disposeAsync()
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

// What is provided crosses to other processes, and a function cannot.
function withoutClose({ kind, endpoint, region, credentials }: SharedCeph): SharedCeph {
  return { kind, endpoint, region, credentials }
}

function isCi(): boolean {
  return ['true', '1'].includes(process.env.CI ?? '')
}

function whatWasNotShownOfCeph(reason: string): string {
  return `
NOT SHOWN: this run had no Ceph (${reason}).
Its tests ran on the embedded store alone, which says nothing about: write-once and conditional
writes, form policies, credentials that cannot read, payload hashes and Content-MD5, the least size
of a part, bucket policies, store events, and agreement of a second implementation.
To show them, run the tests as root on Debian, or install radosgw, ceph-mon and ceph-osd.
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
