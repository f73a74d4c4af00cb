import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/errors.ts'
import type { StoreCors } from '../../src/gateway/cors.ts'
import type { CorsRule } from '../../src/stores/cors-rules.ts'
import { postAdmin } from '../support/admin-call.ts'
import { runOnGateway } from '../support/cli-on-gateway.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { allowOriginOnSwift, allowOrigins } from '../support/stores/bucket-cors.ts'
import {
  APP_ORIGIN,
  createTestBucket,
  describeOnCeph,
  describeOnSwift,
  embeddedStore,
  realStores,
} from '../support/stores/stores-under-test.ts'
import { openTestGateway, type TestGateway } from '../support/test-gateway.ts'
import { type GatewayOnStore, gatewayOnStore } from './gateway-on-store.ts'

const APP = 'https://app.example'

let gateway: TestGateway
afterEach(() => gateway.close())

async function openOn(...asked: Parameters<typeof gatewayOnStore>): Promise<GatewayOnStore> {
  const opened = await gatewayOnStore(...asked)
  gateway = opened
  return opened
}

async function cors(body: Readonly<Record<string, unknown>>): Promise<StoreCors> {
  const answer = await postAdmin(gateway, '/admin/v1/stores/main/cors', body)
  expect(answer.status).toBe(200)
  return (await answer.json()) as StoreCors
}

/** What each page is told, in short: `origin use: allowed`, or why not. */
function told({ buckets }: StoreCors): string[] {
  return buckets.flatMap(({ pages }) =>
    pages.map(({ origin, use, why }) => `${origin} ${use}: ${why ?? 'allowed'}`),
  )
}

function byText(a: string, b: string): number {
  return a < b ? -1 : 1
}

function onlyBucket({ buckets }: StoreCors) {
  const [bucket, ...more] = buckets
  if (bucket === undefined || more.length > 0) throw new Error('not one bucket')
  return bucket
}

const withApi = realStores().filter((store) => store.kind !== 'swift')
describe.each(withApi)('CORS of a store, on $kind', (store) => {
  const uses = ['put', 'settings', ...(store.kind === 'ceph' ? ['form'] : []), 'part', 'get']
  const each = (origin: string, says: string) => uses.map((use) => `${origin} ${use}: ${says}`)

  it('200: tells what is refused and puts nothing; with apply a browser is let in at once', async () => {
    const { storeBucket } = await openOn(store)
    const before = await cors({ origins: [APP] })
    expect([before.allowed, told(before)]).toEqual([false, each(APP, 'origin')])
    const { rules, wanted, differs, applied } = onlyBucket(before)
    expect([rules, differs, applied]).toEqual([[], true, false])
    expect(wanted).toMatchObject([{ id: 'signet', origins: [APP] }])
    expect(gateway.audited).toEqual([])

    const put = await cors({ origins: [APP], apply: true })
    expect([put.allowed, told(put)]).toEqual([true, each(APP, 'allowed')])
    expect(onlyBucket(put)).toMatchObject({ applied: true, differs: true })
    expect(onlyBucket(put).pages.map(({ exposesEtag }) => exposesEtag)).toEqual(
      uses.map(() => 'yes'),
    )
    expect(gateway.audited).toEqual([
      expect.objectContaining({
        event: 'store.cors_changed',
        store: 'main',
        storeBucket: storeBucket,
        origins: [APP],
        requestId: expect.any(String),
      }),
    ])

    const again = await cors({ origins: [APP], apply: true })
    expect(onlyBucket(again)).toMatchObject({ applied: false, differs: false, allowed: true })
    expect(gateway.audited).toHaveLength(1)
  })

  it('keeps the rules of others, and replaces its own by the origins of the last request', async () => {
    const { storeBucket } = await openOn(store)
    await allowOrigins(store, storeBucket, ['https://other.example', 'https://*.example'])
    await cors({ origins: ['https://old.example'], apply: true })
    const report = onlyBucket(await cors({ origins: [APP], apply: true }))
    expect(report.notes).toEqual([expect.stringMatching(/^Rules that name these origins as well/)])
    const { rules } = onlyBucket(await cors({ origins: [APP] }))
    expect(rules?.map(({ origins }: CorsRule) => origins.toSorted(byText))).toEqual([
      [APP],
      ['https://*.example', 'https://other.example'],
    ])
  })

  it('puts nothing that cannot be recorded', async () => {
    await openOn(store)
    Object.assign(gateway.context.audit, {
      append: () => Promise.reject(new GatewayError('Overloaded', 'Cannot record: full')),
    })
    const path = '/admin/v1/stores/main/cors'
    const answer = await postAdmin(gateway, path, { origins: [APP], apply: true })
    await expectRefused(answer, { status: 503, code: 'Overloaded' })
    expect(onlyBucket(await cors({ origins: [APP] })).rules).toEqual([])
  })
})

describeOnCeph('CORS of a store with rules of one’s own, on Ceph', (ceph) => {
  it('names the header that a rule of the operator’s own leaves out', async () => {
    const { putDirectly } = await openOn(ceph)
    const { storeClient, config } = gateway.context
    const [placement] = config.buckets.get('media')?.placements ?? []
    if (placement === undefined) throw new Error('no placement')
    const headers = ['content-type', 'x-amz-*']
    const rule = { origins: ['*'], methods: ['PUT', 'GET'], headers, exposed: [] }
    await storeClient.putCorsRules(placement, [rule])
    const report = await cors({ origins: [APP] })
    const [put, , form] = onlyBucket(report).pages
    expect(put).toMatchObject({ why: 'headers', refusedHeaders: ['if-none-match'] })
    expect(form).toMatchObject({ use: 'form', why: 'method' })
    expect(onlyBucket(report).pages.at(-1)).toMatchObject({ use: 'get', exposesEtag: 'no' })
    // That answers to a HEAD are hidden says nothing of answers to a PUT: by rules they may differ.
    await putDirectly('acme/alice/cat.jpg', 1)
    await storeClient.putCorsRules(placement, [{ ...rule, methods: ['PUT'] }])
    const part = onlyBucket(await cors({ origins: [APP] })).pages.find(({ use }) => use === 'part')
    expect(part).toMatchObject({ allowed: true })
  })

  it('lets pages of every origin in only where that is asked for by name', async () => {
    await openOn(ceph)
    const path = '/admin/v1/stores/main/cors'
    const star = await postAdmin(gateway, path, { origins: ['*'], apply: true })
    await expectRefused(star, { status: 400, code: 'InvalidRequest' })
    const report = await cors({ anyOrigin: true, apply: true })
    expect(report.allowed).toBe(true)
    expect(onlyBucket(report).wanted).toMatchObject([{ origins: ['*'] }])
  })

  it('says why rules cannot be read: the key of `manage` may not', async () => {
    const { write, read } = ceph.credentials
    await openOn(ceph, {
      store: {
        credentials: { write, read, manage: { ...read, secretAccessKey: 'wrong'.repeat(8) } },
      },
    })
    const report = onlyBucket(await cors({ origins: [APP], apply: true }))
    expect(report).toMatchObject({ api: 'unknown', applied: false, allowed: false })
    expect(report.problem).toMatch(/^Cannot read the CORS rules: .* \(403 \w+\)$/)
  })
})

describeOnSwift('CORS of a store without an API for it, on Swift', (swift) => {
  it('tells what is let in and what to set; apply changes and records nothing', async () => {
    const { storeBucket, putDirectly } = await openOn(swift)
    // An answer to look at.
    await putDirectly('acme/alice/cat.jpg', 1)
    const report = await cors({ origins: [APP_ORIGIN, APP], apply: true })
    expect(told(report)).toEqual([
      ...['put', 'settings', 'part', 'get'].map((use) => `${APP_ORIGIN} ${use}: answer`),
      ...['put', 'settings', 'part', 'get'].map((use) => `${APP} ${use}: status`),
    ])
    const { api, applied, notes } = onlyBucket(report)
    expect([api, applied, report.allowed]).toEqual(['no', false, false])
    expect(notes).toContain(`cors_preflight_allow_origin = ${APP_ORIGIN}, ${APP}`)
    expect(gateway.audited).toEqual([])
    await allowOriginOnSwift(swift, storeBucket, APP_ORIGIN)
    const after = await cors({ origins: [APP_ORIGIN] })
    expect([after.allowed, onlyBucket(after).pages.map(({ exposesEtag }) => exposesEtag)]).toEqual([
      true,
      ['yes', 'yes', 'yes', 'yes'],
    ])
  })

  it('tells what preflights say of a bucket where no answer can be looked at', async () => {
    await openOn(swift)
    const report = await cors({ origins: [APP_ORIGIN] })
    expect([
      report.allowed,
      onlyBucket(report).pages.map(({ exposesEtag }) => exposesEtag),
    ]).toEqual([true, ['unknown', 'unknown', 'unknown', 'unknown']])
    expect(onlyBucket(report).notes.join()).toContain(
      'X-Container-Meta-Access-Control-Allow-Origin',
    )
  })
})

describe('CORS of a store that says it has no rules, and takes none', () => {
  const seen: string[] = []
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url?.split('?')[1]?.split('&')[0]}`)
    if (request.method === 'OPTIONS') return response.writeHead(403).end()
    if (request.method === 'PUT') return response.writeHead(501).end()
    return response.writeHead(404).end('<Error><Code>NoSuchCORSConfiguration</Code></Error>')
  })
  beforeAll(async () => {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
  })
  afterAll(() => server.close())

  it.each([
    ['generic', ['GET cors=', 'PUT cors='], 'origins https://app.example'],
    // As MinIO does: its profile knows that asking is of no use.
    ['minio', [], 'MINIO_API_CORS_ALLOW_ORIGIN=https://app.example'],
  ])('says what to set instead, at %s', async (provider, calls, advice) => {
    const { port } = server.address() as AddressInfo
    const endpoint = `http://127.0.0.1:${port}`
    gateway = await openTestGateway({ store: { provider, endpoint } })
    seen.length = 0
    const report = onlyBucket(await cors({ origins: [APP], apply: true }))
    expect(report).toMatchObject({ api: 'no', applied: false, differs: false, allowed: false })
    expect(report.notes).toContain(advice)
    expect(seen.filter((call) => call.endsWith(' cors='))).toEqual(calls)
  })
})

describe('a request for CORS of a store', () => {
  it('400: without an origin, with one that is none, with too many, and with what is not known', async () => {
    gateway = await openTestGateway()
    for (const body of [
      {},
      { origins: ['https://app.example/path'] },
      { origins: ['app.example'] },
      { origins: ['null'] },
      { origins: Array.from({ length: 21 }, (_, at) => `https://a${at}.example`) },
      { origins: [APP], bucket: 'none' },
      { origins: [APP], credentials: true },
    ]) {
      const answer = await postAdmin(gateway, '/admin/v1/stores/main/cors', body)
      await expectRefused(answer, { status: 400, code: 'InvalidRequest' })
    }
  })

  it('404: of a store that is not configured', async () => {
    gateway = await openTestGateway()
    const answer = await postAdmin(gateway, '/admin/v1/stores/none/cors', { origins: [APP] })
    await expectRefused(answer, { status: 404, code: 'NoSuchStore' })
  })
})

describe('signet stores cors', () => {
  const run = (...args: string[]) => runOnGateway(gateway, ['stores', 'cors', ...args])

  it('1, then 0: shows what is refused and the rule; puts it with --apply; knows that it is there', async () => {
    const { storeBucket } = await openOn(embeddedStore())
    const name = ['main', '--origin', APP]
    const before = await run(...name)
    expect(before).toMatchObject({ code: 1, stderr: '' })
    const lines = before.stdout.split('\n').map((line) => line.trim().split(/ {2,}/))
    expect(lines[0]).toEqual([`Store main, bucket ${storeBucket}`])
    expect(lines[1]).toEqual(['origin', 'request', 'browser', 'ETag', 'the store says'])
    expect(lines[2]?.slice(0, 4)).toEqual([APP, 'PUT', 'the origin is not let in', '?'])
    expect(before.stdout).toMatch(
      /\n {2}To put, with --apply:\n {2}\+ "signet" \| https:\/\/app\.ex/,
    )

    const put = await run(...name, '--apply')
    expect(put).toMatchObject({ code: 0, stderr: '' })
    expect(put.stdout).toContain('\n  Put:\n  + "signet"')
    const after = await run(...name, '--bucket', 'media', '--json')
    expect([after.code, JSON.parse(after.stdout)]).toMatchObject([0, { allowed: true }])
    expect((await run(...name)).stdout).toContain("Signet's rule is there")
    const moved = await run('main', '--origin', 'https://new.example')
    expect(moved.stdout).toMatch(
      /\n {2}- "signet" \| https:\/\/app\..*\n {2}\+ "signet" \| https:\/\/new/,
    )
  })

  it('2: a command line that makes no sense; 1: what the gateway refuses', async () => {
    gateway = await openTestGateway()
    for (const [code, ...args] of [
      [2, '--origin', APP],
      [2, 'main'],
      [2, 'main', '--origin', '*'],
      [1, 'none', '--origin', APP],
      [1, 'main', '--origin', 'app.example'],
    ] as const) {
      const result = await run(...args)
      expect([args, result.code, result.stdout]).toEqual([args, code, ''])
      expect(result.stderr).not.toBe('')
    }
  })
})

describe('CORS of a store that is away', () => {
  it('is told after one look, whatever was asked for', async () => {
    gateway = await openTestGateway()
    const { send } = gateway.context
    let sent = 0
    Object.assign(gateway.context, {
      send(url: string, init: RequestInit) {
        sent += 1
        return send(url, init)
      },
    })
    const report = await cors({ origins: [APP, APP_ORIGIN], apply: true })
    expect([told(report), sent]).toEqual([
      [APP, APP_ORIGIN].flatMap((origin) =>
        ['put', 'settings', 'get'].map((use) => `${origin} ${use}: unreachable`),
      ),
      1,
    ])
    expect(onlyBucket(report)).toMatchObject({ api: 'unknown', applied: false, allowed: false })
    expect(onlyBucket(report).problem).toMatch(/^Cannot read the CORS rules: /)
    expect(gateway.audited).toEqual([])
  })
})

describe('a store of several buckets', () => {
  it('is looked at bucket by bucket, each once, or in one that is named', async () => {
    const store = embeddedStore()
    const own = await createTestBucket(store)
    const keys = { callerPrefix: '{tenant}/{user}/' }
    const { storeBucket } = await openOn(store, {
      buckets: {
        other: { keys, placements: [{ store: 'main', bucket: own }] },
        again: { keys, placements: [{ store: 'main', bucket: own, prefix: 'again/' }] },
      },
    })
    const named = ({ buckets }: StoreCors) => buckets.map(({ bucket }) => bucket)
    expect(named(await cors({ origins: [APP] }))).toEqual([storeBucket, own])
    expect(named(await cors({ origins: [APP], bucket: 'again' }))).toEqual([own])
  })
})
