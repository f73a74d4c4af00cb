import { readFile } from 'node:fs/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { type Diagnosis, FINDING_CODES } from '../../src/gateway/diagnosis.ts'
import type { StoreClient } from '../../src/stores/store-client.ts'
import { postAdmin } from '../support/admin-call.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { allowOriginOnSwift } from '../support/stores/bucket-cors.ts'
import {
  APP_ORIGIN,
  describeOnCeph,
  describeOnSwift,
  embeddedStore,
  realStores,
  type StoreUnderTest,
} from '../support/stores/stores-under-test.ts'
import { openTestGateway, type TestGateway, uploadBody } from '../support/test-gateway.ts'
import {
  type GatewayOnStore,
  gatewayOnStore,
  ticketOf,
  UNTIL_RELEASED_MS,
} from './gateway-on-store.ts'
import { createParts, gatewayForParts, PART_BYTES } from './multipart-fixture.ts'

const APP = 'https://app.example'
const KEY = 'acme/alice/cat.jpg'

let gateway: TestGateway
afterEach(() => gateway.close())

async function openOn(...asked: Parameters<typeof gatewayOnStore>): Promise<GatewayOnStore> {
  const opened = await gatewayOnStore(...asked)
  gateway = opened
  return opened
}

async function diagnose(id: string, query = ''): Promise<Diagnosis> {
  const answer = await gateway.call('GET', `/v1/uploads/${id}/diagnosis${query}`)
  const text = await answer.text()
  expect([answer.status, text]).toEqual([200, expect.any(String)])
  // Nothing that was signed, nor where it would have led.
  expect(text).not.toMatch(/X-Amz-(?:Signature|Credential|Algorithm)|https?:\/\/127\./i)
  return JSON.parse(text)
}

/** Codes of what was found, by level. */
function codes({ findings }: Diagnosis, level: string): string[] {
  return findings.filter((each) => each.level === level).map(({ code }) => code)
}

function messageOf({ findings }: Diagnosis, code: string): string {
  return findings.find((each) => each.code === code)?.message ?? `no ${code}`
}

/** Lets pages of an origin in as an operator does, where the store has an API for it. */
async function letIn(origin: string): Promise<void> {
  const body = { origins: [origin], apply: true }
  const answer = await postAdmin(gateway, '/admin/v1/stores/main/cors', body)
  expect(answer.status).toBe(200)
}

describe.each(realStores())('a diagnosis, on $kind', (store: StoreUnderTest) => {
  const refused = store.kind === 'swift' ? 'the store refuses its preflight' : `no page of ${APP}`

  it('tells what a browser is refused, and nothing of it any more once there is a rule', async () => {
    const { create } = await openOn(store)
    const { id } = await create()
    const before = await diagnose(id, `?origin=${APP}`)
    expect(before).toMatchObject({ id, status: 'pending' })
    expect(codes(before, 'problem')).toEqual(['cors-refused'])
    expect(messageOf(before, 'cors-refused')).toContain(refused)
    expect(codes(before, 'hint')).toEqual(['object-missing', 'send-exactly'])
    expect(codes(before, 'ok')).toEqual(['grant-lives', 'clock-right'])
    // Of Swift it is a setting of the cluster; what answers say is looked at where there is one.
    if (store.kind !== 'swift') await letIn(APP_ORIGIN)
    const after = await diagnose(id, `?origin=${APP_ORIGIN}`)
    expect(codes(after, 'problem')).toEqual([])
    expect(codes(after, 'ok')).toContain('cors-allowed')
  })

  it('tells that it has arrived although nobody said so; then that it is completed, then gone', async () => {
    const { create, put, complete } = await openOn(store)
    const upload = await create()
    expect(await put(upload)).toBe(200)
    const arrived = await diagnose(upload.id)
    expect(codes(arrived, 'hint')).toEqual(['object-unsettled', 'origin-missing', 'send-exactly'])
    expect(messageOf(arrived, 'object-arrived')).toBe('The store has its object, 1000 bytes')
    await complete(upload.id)
    const completed = await diagnose(upload.id)
    expect([completed.status, codes(completed, 'ok')]).toEqual([
      'completed',
      ['upload-completed', 'clock-right', 'object-arrived'],
    ])
    await gateway.call('DELETE', `/v1/objects/media/${KEY}`)
    expect(codes(await diagnose(upload.id), 'hint')).toContain('object-missing')
  })

  it('tells of another object under its key, and of its own with another size', async () => {
    const { create, putDirectly } = await openOn(store)
    const upload = await create()
    await putDirectly(KEY, 7)
    expect(codes(await diagnose(upload.id), 'problem')).toEqual(['object-foreign'])
    await putDirectly(KEY, 7, ticketOf(upload))
    const odd = await diagnose(upload.id)
    expect(codes(odd, 'problem')).toEqual(['object-size'])
    expect(messageOf(odd, 'object-size')).toBe(
      'The store has 7 bytes of it, and 1000 were reserved',
    )
  })
})

describeOnSwift('a diagnosis of a page that is told nothing, on Swift', (swift) => {
  it('tells that the answer is hidden although the object has arrived', async () => {
    const { create, put, storeBucket } = await openOn(swift)
    const upload = await create()
    await put(upload)
    const hidden = await diagnose(upload.id, `?origin=${APP_ORIGIN}`)
    expect(codes(hidden, 'problem')).toEqual(['answer-hidden'])
    await allowOriginOnSwift(swift, storeBucket, APP_ORIGIN)
    const shown = await diagnose(upload.id, `?origin=${APP_ORIGIN}`)
    expect(codes(shown, 'problem')).toEqual([])
  })
})

describe('a diagnosis of an upload whose time is over', () => {
  it('tells that its grant has ended, then that it expired', async () => {
    const { create, clock, sweepAll } = await openOn(embeddedStore())
    const { id, expiresAt } = await create()
    clock.advance(Date.parse(expiresAt) - clock.nowMs() - 1)
    expect(codes(await diagnose(id), 'problem')).toEqual([])
    clock.advance(1)
    const ended = await diagnose(id)
    expect([ended.status, codes(ended, 'problem')]).toEqual(['pending', ['grant-ended']])
    clock.advance(UNTIL_RELEASED_MS)
    await sweepAll()
    const expired = await diagnose(id)
    expect([expired.status, codes(expired, 'problem')]).toEqual(['expired', ['upload-expired']])
  })

  it('tells that it was aborted, or rejected', async () => {
    const { create, putDirectly, complete } = await openOn(embeddedStore())
    const one = await create()
    await gateway.call('DELETE', `/v1/uploads/${one.id}`)
    const aborted = await diagnose(one.id)
    expect([aborted.status, codes(aborted, 'problem')]).toEqual(['aborted', ['upload-aborted']])
    const two = await create({ key: 'acme/alice/two' })
    await putDirectly('acme/alice/two', 1_001, ticketOf(two))
    await complete(two.id)
    const rejected = await diagnose(two.id)
    expect([rejected.status, codes(rejected, 'problem')]).toEqual(['rejected', ['upload-rejected']])
  })
})

describe('a diagnosis of parts', () => {
  it('names those that are missing, those of another size, and says when all are there', async () => {
    const opened = await gatewayForParts(embeddedStore())
    gateway = opened
    const upload = await createParts(opened, { key: KEY, sizeBytes: PART_BYTES + 3 })
    const none = await diagnose(upload.id)
    expect(codes(none, 'problem')).toEqual(['parts-missing'])
    expect(messageOf(none, 'parts-missing')).toBe('The store has 0 of 2 parts; missing: 1, 2')
    expect(messageOf(none, 'send-exactly')).toContain('and the last one 3.')
    const [, last] = upload.multipart.parts
    if (last === undefined) throw new Error('no such part')
    const put = (url: string, body: string) => fetch(url, { method: 'PUT', body })
    expect((await put(last.request.url, 'end')).status).toBe(200)
    const half = await diagnose(upload.id)
    expect(messageOf(half, 'parts-missing')).toBe('The store has 1 of 2 parts; missing: 1')

    // A store that does not keep the length of a part.
    const { storeClient } = gateway.context
    const listing = async (sizes: readonly number[]) => {
      replaceClient(storeClient, {
        listParts: async () =>
          sizes.map((sizeBytes, index) => ({ partNumber: index + 1, sizeBytes, etag: '"e"' })),
      })
      const said = await diagnose(upload.id)
      return [...codes(said, 'problem'), ...codes(said, 'hint')].filter((code) =>
        /^parts/.test(code),
      )
    }
    expect(await listing([PART_BYTES, 3])).toEqual(['parts-complete'])
    expect(await listing([PART_BYTES - 1, 3])).toEqual(['parts-size'])
    expect(await listing([PART_BYTES, 3, 1])).toEqual(['parts-size'])
    expect(await listing([PART_BYTES + 1])).toEqual(['parts-size', 'parts-missing'])
    replaceClient(storeClient, { listParts: async () => undefined })
    expect(codes(await diagnose(upload.id), 'problem')).toEqual(['parts-unknown'])
  })

  it('names at most a hundred', async () => {
    const opened = await gatewayForParts(embeddedStore())
    gateway = opened
    const upload = await createParts(opened, { key: KEY, sizeBytes: 102 * PART_BYTES })
    expect(messageOf(await diagnose(upload.id), 'parts-missing')).toMatch(/, 100 and 2 more$/)
  })
})

describeOnCeph('a diagnosis of what a page sends, on Ceph', (ceph) => {
  it('names the header that is not let in, and the one that no grant has', async () => {
    const { create } = await openOn(ceph)
    await letIn(APP)
    const { id } = await create()
    const names = 'content-type,X-Amz-Meta-Signet,authorization'
    const said = await diagnose(id, `?origin=${APP}&headers=${names}`)
    expect(codes(said, 'problem')).toEqual(['cors-refused', 'header-unsigned'])
    expect(messageOf(said, 'cors-refused')).toContain('does not let in the headers authorization ')
    expect(messageOf(said, 'header-unsigned')).toMatch(/^No grant names authorization:/)
    const usual = await diagnose(id, `?origin=${APP}&headers=content-type,x-amz-meta-signet`)
    expect(codes(usual, 'problem')).toEqual([])
  })

  it('asks for a form by POST, and for parts without a header', async () => {
    const opened = await gatewayForParts(ceph)
    gateway = opened
    const { storeClient, config } = opened.context
    const [placement] = config.buckets.get('media')?.placements ?? []
    if (placement === undefined) throw new Error('no placement')
    const only = (method: string) => ({
      origins: [APP],
      methods: [method],
      headers: [],
      exposed: [],
    })
    const form = await opened.create({ key: `${KEY}-form`, mode: 'post' })
    const parts = await createParts(opened, { key: KEY, sizeBytes: PART_BYTES + 3 })
    await storeClient.putCorsRules(placement, [only('POST')])
    const asForm = await diagnose(form.id, `?origin=${APP}`)
    expect([codes(asForm, 'problem'), codes(asForm, 'ok')]).toEqual([
      [],
      ['grant-lives', 'clock-right', 'cors-allowed'],
    ])
    expect(messageOf(await diagnose(parts.id, `?origin=${APP}`), 'cors-refused')).toContain(
      `lets ${APP} send no PUT`,
    )
    await storeClient.putCorsRules(placement, [only('PUT')])
    const hidden = await diagnose(parts.id, `?origin=${APP}`)
    expect(codes(hidden, 'hint')).toContain('etag-hidden')
    const put = await opened.create({ key: `${KEY}-put` })
    expect(messageOf(await diagnose(put.id, `?origin=${APP}`), 'cors-refused')).toContain(
      'the headers content-type, if-none-match, x-amz-acl, x-amz-meta-signet',
    )
  })
})

describe('a diagnosis of a store that is not as it was', () => {
  it('tells that it does not answer, and what is known without it', async () => {
    gateway = await openTestGateway()
    const answer = await gateway.call('POST', '/v1/uploads', uploadBody())
    const { id } = (await answer.json()) as { id: string }
    const said = await diagnose(id, `?origin=${APP}`)
    expect(codes(said, 'problem')).toEqual(['store-away', 'cors-unanswered'])
    expect(codes(said, 'ok')).toEqual(['grant-lives'])
  })

  it('tells how far its clock is off: from a minute on, and as a problem from ten', async () => {
    const { create, clock } = await openOn(embeddedStore())
    const { id } = await create()
    const { storeClient } = gateway.context
    for (const [seconds, level, code] of [
      [60, 'ok', 'clock-right'],
      [61, 'hint', 'clock-off'],
      [-600, 'hint', 'clock-off'],
      [-601, 'problem', 'clock-off'],
    ] as const) {
      const storeNowMs = clock.nowMs() + seconds * 1000
      replaceClient(storeClient, { head: async () => ({ found: false, storeNowMs }) })
      expect([seconds, codes(await diagnose(id), level)]).toEqual([
        seconds,
        expect.arrayContaining([code]),
      ])
    }
  })

  it('tells that it keeps less than it was signed for', async () => {
    const { create, storeBucket } = await openOn(embeddedStore())
    const { id } = await create()
    const at = new Date(0).toISOString()
    gateway.context.storeTruth.adopt({
      ...{ store: 'main', bucket: storeBucket, startedAt: at, endedAt: at },
      ...{ requests: 1, bytes: 0, complete: true, findings: [], leftovers: [], traits: {} },
      capabilities: { signedLength: 'no' },
    })
    expect(codes(await diagnose(id), 'problem')).toEqual(['store-lacks'])
  })

  it('tells that browsers keep an https: page from an http: store', async () => {
    gateway = await openTestGateway({ store: { publicEndpoint: 'http://store.example' } })
    Object.assign(gateway.context, { send: () => Promise.reject(new Error('away')) })
    const answer = await gateway.call('POST', '/v1/uploads', uploadBody())
    const { id } = (await answer.json()) as { id: string }
    const mixed = `?origin=${APP}`
    expect(codes(await diagnose(id, mixed), 'problem')).toContain('mixed-content')
    expect(codes(await diagnose(id, `?origin=${APP_ORIGIN}`), 'problem')).not.toContain(
      'mixed-content',
    )
  })
})

describe('a request for a diagnosis', () => {
  it('404: for an upload of somebody else, as for one that there never was', async () => {
    gateway = await openTestGateway()
    const answer = await gateway.call('POST', '/v1/uploads', uploadBody())
    const { id } = (await answer.json()) as { id: string }
    for (const [path, who] of [
      [id, 'acme/bob'],
      [id, 'globex/carol'],
      ['up_x', 'acme/alice'],
    ] as const) {
      const other = await gateway.call('GET', `/v1/uploads/${path}/diagnosis`, undefined, { who })
      await expectRefused(other, { status: 404, code: 'NoSuchUpload' })
    }
  })

  it('429: is charged like any other', async () => {
    gateway = await openTestGateway({
      plan: {
        rates: [{ policy: 'r', per: 'user', requests: 1, windowSeconds: 60, burst: 2 }],
        quotas: [],
      },
    })
    const answer = await gateway.call('POST', '/v1/uploads', uploadBody())
    const { id } = (await answer.json()) as { id: string }
    await diagnose(id)
    const again = await gateway.call('GET', `/v1/uploads/${id}/diagnosis`)
    await expectRefused(again, { status: 429, code: 'SlowDown' })
  })

  it('400: with an origin or names of headers that are none', async () => {
    gateway = await openTestGateway()
    for (const query of [
      'origin=app.example',
      'origin=https://app.example/path',
      'origin=null',
      'origin=*',
      `origin=${APP}&origin=${APP}`,
      'headers=a:b',
      `headers=${Array.from({ length: 41 }, (_, at) => `h${at}`).join(',')}`,
      'key=other',
    ]) {
      const answer = await gateway.call('GET', `/v1/uploads/up_x/diagnosis?${query}`)
      await expectRefused(answer, { status: 400, code: 'InvalidRequest' })
    }
  })

  it('is explained in the README, code by code', async () => {
    gateway = await openTestGateway()
    const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8')
    expect(FINDING_CODES.filter((code) => !readme.includes(`\`${code}\``))).toEqual([])
  })
})

function replaceClient(client: StoreClient, calls: Partial<StoreClient>): void {
  Object.assign(gateway.context, { storeClient: { ...client, ...calls } })
}
