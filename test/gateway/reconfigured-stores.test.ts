import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Config, ConfiguredBucket } from '../../src/config/config.ts'
import { type KeptTruth, keepStoreTruth } from '../../src/gateway/keep-store-truth.ts'
import { type EmbeddedStore, openEmbeddedStore } from '../../src/runtime/demo/embedded-store.ts'
import { Secret } from '../../src/secret.ts'
import type { Placement, Store } from '../../src/stores/store.ts'
import { createEmbeddedKeyPair, type EmbeddedKeyPair } from '../support/embedded-key-pairs.ts'
import { sendPut } from '../support/send-put.ts'
import {
  openTemporaryDirectory,
  type TemporaryDirectory,
} from '../support/stores/temporary-directory.ts'
import { TestClock } from '../support/test-clock.ts'
import { openTestGateway, type TestGateway, uploadBody } from '../support/test-gateway.ts'
import { until } from '../support/until.ts'

let directory: TemporaryDirectory
let store: EmbeddedStore
let pair: EmbeddedKeyPair
let gateway: TestGateway
let truth: KeptTruth
/** Requests that probes have sent so far. */
let sent = 0
/** Held back while it is pending. */
let gate = Promise.resolve()

// One gateway for all, whose first look at the store is over: looks are what takes long here.
beforeAll(async () => {
  directory = await openTemporaryDirectory()
  store = await openEmbeddedStore({
    directory: directory.path,
    port: 0,
    bucket: 'media-prod',
    origins: [],
  })
  pair = createEmbeddedKeyPair()
  const { accessKeyId, secretAccessKey } = pair
  gateway = await openTestGateway({
    clock: new TestClock(Date.now()),
    store: {
      endpoint: store.url,
      credentials: { accessKeyId, secretAccessKey },
      capabilities: {},
      probe: 'auto',
    },
    overrides: {
      async send(url, init) {
        sent += 1
        await gate
        return fetch(url, init)
      },
    },
  })
  truth = keepStoreTruth(gateway.context, { startWaitMs: 30_000 })
  await truth.settled
})
afterAll(async () => {
  await truth.stop()
  await gateway.close()
  await store.close()
  await directory.close()
})

/** Puts another store in the place of the only one. */
function reconfigure(changes: Partial<Store>, of: Config = gateway.context.live.file): Config {
  const [before] = of.stores.values()
  if (before === undefined) throw new Error('no store')
  const after: Store = { ...before, ...changes }
  const moved = (placement: Placement): Placement => ({ ...placement, store: after })
  const buckets = [...of.buckets.values()].map((bucket): [string, ConfiguredBucket] => {
    const [first, ...others] = bucket.placements
    return [bucket.name, { ...bucket, placements: [moved(first), ...others.map(moved)] }]
  })
  const { secrets } = gateway.context.live
  const config: Config = {
    ...of,
    stores: new Map([[after.name, after]]),
    buckets: new Map(buckets),
  }
  gateway.context.live.replaceFile({ config, secrets })
  truth.reconfigured()
  return config
}

function credentialsOf({
  accessKeyId,
  secretAccessKey,
}: Pick<EmbeddedKeyPair, 'accessKeyId' | 'secretAccessKey'>): Store['credentials'] {
  const one = { accessKeyId, secretAccessKey: new Secret(secretAccessKey) }
  return { write: one, read: one, manage: one }
}

const report = () => gateway.context.storeTruth.reportOf('main', 'media-prod')

/** Probes that have come to an end. */
const probed = () => gateway.log.filter((line) => line.includes('"store.probed"')).length

/** Uploads an object with a link that is asked for now: both statuses, and what was promised. */
async function upload(name: string) {
  const granted = await gateway.call(
    'POST',
    '/v1/uploads',
    uploadBody({ key: `acme/alice/${name}`, sizeBytes: 3 }),
  )
  const answer = await granted.json()
  if (granted.status !== 201) return [granted.status, answer.capability]
  return [granted.status, await sendPut(answer.request, { body: 'abc' })]
}

describe('a store whose settings are replaced', () => {
  it('is asked nothing when all that a look depends upon is as it was', async () => {
    const sentBefore = sent
    reconfigure({ maxTransferSeconds: 7, timeoutMs: 4_000 })
    expect([await upload('same'), sent]).toEqual([[201, 200], sentBefore])
    expect(gateway.context.config.stores.get('main')?.maxTransferSeconds).toBe(7)
  })

  it('is signed for with a new key pair at once, while it is looked at anew', async () => {
    expect(await upload('before')).toEqual([201, 200])
    const seenBefore = report()
    const next = createEmbeddedKeyPair()
    const held = Promise.withResolvers<void>()
    gate = held.promise
    const sentBefore = sent
    reconfigure({ credentials: credentialsOf(next) })
    pair.revoke()
    await until('it is looked at', async () => sent > sentBefore)
    expect(await upload('meanwhile')).toEqual([201, 200])
    expect(report()).toBe(seenBefore)
    held.resolve()
    await until('it was seen', async () => report() !== seenBefore)
    expect(report()?.complete).toBe(true)
    expect(await upload('after')).toEqual([201, 200])
  })

  it('is not judged by a look that began with another key pair', async () => {
    const [seenBefore, probedBefore] = [report(), probed()]
    const held = Promise.withResolvers<void>()
    gate = held.promise
    const sentBefore = sent
    reconfigure({ credentials: credentialsOf(createEmbeddedKeyPair()) })
    await until('it is looked at', async () => sent > sentBefore)
    const unknown = { accessKeyId: 'AKNOBODY', secretAccessKey: 'x' }
    reconfigure({ credentials: credentialsOf(unknown), probe: 'manual' })
    held.resolve()
    await until('that look is over', async () => probed() > probedBefore)
    expect(report()).toBe(seenBefore)
  })

  it('is not signed for by what was seen at another address', async () => {
    reconfigure({ endpoint: 'http://127.0.0.1:9', publicEndpoint: 'http://127.0.0.1:9' })
    expect(report()).toBeUndefined()
    expect((await upload('elsewhere'))[0]).toBe(422)
  })

  it('is looked at no more when it is gone', async () => {
    const { live } = gateway.context
    const config: Config = { ...live.file, stores: new Map(), buckets: new Map() }
    live.replaceFile({ config, secrets: live.secrets })
    const before = gateway.log.length
    truth.reconfigured()
    await truth.stop()
    expect(gateway.log.slice(before).join('')).not.toContain('store.')
  })
})
