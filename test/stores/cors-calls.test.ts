import { describe, expect, it } from 'vitest'
import { nodeMd5 } from '../../src/runtime/node-hashing.ts'
import { Secret } from '../../src/secret.ts'
import {
  type CorsRule,
  judgeByRules,
  mergeRules,
  sameRules,
  signetRule,
} from '../../src/stores/cors-rules.ts'
import { preflight } from '../../src/stores/preflight.ts'
import { createStoreClient } from '../../src/stores/s3-client.ts'
import type { Placement } from '../../src/stores/store.ts'
import type { StoreClient } from '../../src/stores/store-client.ts'
import {
  createTestBucket,
  describeOnCeph,
  describeOnSwift,
  realStores,
  type StoreUnderTest,
} from '../support/stores/stores-under-test.ts'
import { exampleStore } from './store-fixture.ts'

const APP = 'https://app.example'
const client = createStoreClient({ fetch, md5: nodeMd5 })

/** A new bucket of a real store. */
async function placementIn(store: StoreUnderTest): Promise<Placement> {
  const { accessKeyId, secretAccessKey } = store.credentials.main
  const key = { accessKeyId, secretAccessKey: new Secret(secretAccessKey) }
  return {
    store: exampleStore({
      endpoint: store.endpoint,
      publicEndpoint: store.endpoint,
      region: store.region,
      credentials: { write: key, read: key, manage: key },
    }),
    bucket: await createTestBucket(store),
    prefix: '',
  }
}

const withApi = realStores().filter(({ kind }) => kind !== 'swift')
describe.each(withApi)('rules of browsers on $kind', (shared) => {
  it('are none, then what was put, then what was put over it', async () => {
    const placement = await placementIn(shared)
    expect(await client.corsRules(placement)).toEqual([])
    const rules: CorsRule[] = [
      signetRule([APP], ['x-detect-content-type']),
      { origins: ['*'], methods: ['GET'], headers: [], exposed: [] },
    ]
    expect(await client.putCorsRules(placement, rules)).toBe(true)
    const kept = await client.corsRules(placement)
    // Ceph gives every rule an id.
    const ours = kept?.map(
      ({ id, ...rule }): CorsRule => (id === 'signet' ? { id, ...rule } : rule),
    )
    expect(ours?.map(({ id }) => id)).toEqual(['signet', undefined])
    expect(sameRules(ours ?? [], rules)).toBe(true)
    const [own] = rules as [CorsRule, CorsRule]
    expect(await client.putCorsRules(placement, [own])).toBe(true)
    expect(sameRules((await client.corsRules(placement)) ?? [], [own])).toBe(true)
  })

  it('let in by a preflight exactly what judgeByRules says', async () => {
    const placement = await placementIn(shared)
    const rules: CorsRule[] = [
      signetRule([APP, 'https://*.wide.example'], []),
      { id: 'get', origins: ['https://get.example'], methods: ['GET'], headers: [], exposed: [] },
    ]
    await client.putCorsRules(placement, rules)
    const url = `${shared.endpoint}/${placement.bucket}/cat`
    for (const origin of [APP, `${APP}.evil`, 'https://a.wide.example', 'https://get.example']) {
      for (const [method, headers] of [
        ['PUT', ['content-type', 'if-none-match', 'x-amz-meta-signet']],
        ['PUT', ['content-type', 'x-other']],
        ['GET', []],
        ['DELETE', []],
      ] as const) {
        const asked = { origin, method, headers }
        const { allowed } = await preflight(fetch, url, {
          ...asked,
          timeoutMs: 5_000,
        })
        expect([asked, allowed]).toEqual([asked, judgeByRules(rules, asked).allowed])
      }
    }
  })

  it('StoreUnavailable: of a bucket that is not there, and with a key that is none', async () => {
    const placement = await placementIn(shared)
    const gone = { ...placement, bucket: 'no-such-bucket' }
    const key = { accessKeyId: 'nobody', secretAccessKey: new Secret('none') }
    const credentials = { write: key, read: key, manage: key }
    const stranger = { ...placement, store: { ...placement.store, credentials } }
    for (const each of [gone, stranger]) {
      const unavailable = expect.objectContaining({ code: 'StoreUnavailable' })
      await expect(client.corsRules(each)).rejects.toEqual(unavailable)
      await expect(client.putCorsRules(each, [signetRule([APP], [])])).rejects.toEqual(unavailable)
    }
    expect(await client.corsRules(placement)).toEqual([])
  })

  it('StoreUnavailable: rules that the store finds fault with', async () => {
    const placement = await placementIn(shared)
    const bad = { ...signetRule([APP], []), methods: ['BREW'] }
    await expect(client.putCorsRules(placement, [bad])).rejects.toMatchObject({
      code: 'StoreUnavailable',
    })
  })
})

describeOnCeph('rules of one origin on Ceph', (ceph) => {
  it('count only where they come first, so that Signet puts its own before all others', async () => {
    const placement = await placementIn(ceph)
    const own = signetRule([APP], [])
    const wide = { origins: ['*'], methods: ['GET'], headers: [], exposed: [] }
    const url = `${ceph.endpoint}/${placement.bucket}/cat`
    const asked = { origin: APP, method: 'PUT', headers: [], timeoutMs: 5_000 }
    const allowed = async (rules: readonly CorsRule[]) => {
      await client.putCorsRules(placement, rules)
      return (await preflight(fetch, url, asked)).allowed
    }
    expect(await allowed([wide, own])).toBe(false)
    expect(await allowed(mergeRules([wide], own))).toBe(true)
  })
})

describeOnSwift('rules of browsers on Swift', (swift) => {
  it('cannot be read or put, and both say so', async () => {
    const placement = await placementIn(swift)
    expect(await client.corsRules(placement)).toBeUndefined()
    expect(await client.putCorsRules(placement, [signetRule([APP], [])])).toBe(false)
  })
})

describe('the body of rules', () => {
  it('goes with the MD5 that AWS asks for, where the runtime has one', async () => {
    const sent: Headers[] = []
    const send = async (_: string, init: RequestInit) => {
      sent.push(new Headers(init.headers))
      return new Response(null)
    }
    const placement = { store: exampleStore(), bucket: 'media', prefix: '' }
    const put = (wanted: StoreClient) => wanted.putCorsRules(placement, [])
    expect(await put(createStoreClient({ fetch: send, md5: nodeMd5 }))).toBe(true)
    expect(await put(createStoreClient({ fetch: send }))).toBe(true)
    const [withMd5, without] = sent
    expect(withMd5?.get('content-md5')).toBe('5/Gz9BDi/W4KCJf96c1cjw==')
    expect(withMd5?.get('authorization')).toContain('content-md5')
    expect(without?.has('content-md5')).toBe(false)
  })
})
