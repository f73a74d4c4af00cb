import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ErrorCode, GatewayError } from '../../src/errors.ts'
import { openMemoryLedger } from '../../src/ledger/memory.ts'
import type { Ledger } from '../../src/ledger/port.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { type StoreStub, startStoreStub } from '../support/store-stub.ts'
import { TestClock } from '../support/test-clock.ts'
import { openTestGateway, type TestGateway, uploadBody } from '../support/test-gateway.ts'

const AWAY = { status: 503, code: 'LedgerUnavailable' } as const
const SLOW_DOWN = { status: 429, code: 'SlowDown' } as const
const FULL = { status: 403, code: 'QuotaExceeded' } as const
const KEY = 'acme/alice/cat.jpg'
const DOWNLOAD = { bucket: 'media', key: KEY }
const PLAN = {
  rates: [
    { policy: 'mine', per: 'user', requests: 6, windowSeconds: 60, burst: 6 },
    { policy: 'ours', per: 'tenant', requests: 60, windowSeconds: 60, burst: 9 },
  ],
}

type Fault = 'none' | 'away' | 'saltless' | 'fenced' | 'full'

let stub: StoreStub
let gateway: TestGateway
let clock: TestClock
/** What is wrong with the ledger. */
let fault: Fault
beforeEach(async () => {
  stub = await startStoreStub(404)
  fault = 'none'
})
afterEach(async () => {
  await gateway.close()
  await stub[Symbol.asyncDispose]()
})

function unavailable(code: ErrorCode = 'LedgerUnavailable'): GatewayError {
  return new GatewayError(code, 'Cannot decide: the ledger does not answer')
}

/** A ledger that is there, is not, or says so. */
function faulty(memory: Ledger): Ledger {
  const fenced = () => ({ code: 'FENCED' as const, nowMs: clock.nowMs(), epoch: 'r:1' })
  const answer = async <T>(work: () => Promise<T>): Promise<T> => {
    if (fault === 'away' || fault === 'saltless') throw unavailable()
    if (fault === 'full') throw unavailable('Overloaded')
    return work()
  }
  return {
    ...memory,
    get salt() {
      if (fault === 'saltless') throw unavailable()
      return memory.salt
    },
    admit: (command) => answer(async () => (fault === 'fenced' ? fenced() : memory.admit(command))),
    finish: (command) =>
      answer(async () => (fault === 'fenced' ? fenced() : memory.finish(command))),
    find: (ref) => answer(() => memory.find(ref)),
    list: (request) => answer(() => memory.list(request)),
    recent: (request) => answer(() => memory.recent(request)),
    claim: (request) => answer(() => memory.claim(request)),
  }
}

async function open({
  plan = PLAN,
  ...ledger
}: {
  plan?: typeof PLAN
  gateways?: number
  whenAway?: { requests: 'open' | 'closed' }
} = {}) {
  clock = new TestClock()
  gateway = await openTestGateway({
    clock,
    plan,
    store: { endpoint: stub.url },
    overrides: { ledger: faulty(openMemoryLedger({ clock })) },
  })
  const settings = { gateways: 1, whenAway: { requests: 'open' as const }, ...ledger }
  const config = { ...gateway.context.config, ledger: settings }
  Object.defineProperty(gateway.context, 'config', { value: config })
}

const download = (who?: string) => {
  const [tenant = '', user = ''] = (who ?? 'acme/alice').split('/')
  const body = { bucket: 'media', key: `${tenant}/${user}/cat.jpg` }
  return gateway.call('POST', '/v1/downloads', body, who === undefined ? {} : { who })
}
const upload = () => gateway.call('POST', '/v1/uploads', uploadBody())

/** How many of some downloads are signed. */
async function signed(times: number, who?: string): Promise<number> {
  const answers = []
  for (let time = 0; time < times; time += 1) answers.push(await download(who))
  for (const { status } of answers) expect([200, 429]).toContain(status)
  return answers.filter(({ status }) => status === 200).length
}

function logged(event: string): Record<string, unknown>[] {
  return gateway.log
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((line) => line.event === event)
}

async function failedOpen(): Promise<string[]> {
  const text = await (await gateway.admin.request('/metrics')).text()
  return text.split('\n').filter((line) => line.startsWith('signet_failed_open_total{'))
}

describe.each(['away', 'saltless', 'fenced', 'full'] as const)('a ledger that is %s', (kind) => {
  it('downloads, lists and HEAD go on, uploads are 503 with Retry-After, and the next answer ends it', async () => {
    fault = kind
    await open()
    const code = kind === 'full' ? 'Overloaded' : 'LedgerUnavailable'
    for (const path of ['/healthz', '/readyz']) {
      expect((await gateway.app.request(path)).status).toBe(200)
    }
    expect((await download()).status).toBe(200)
    const items = [DOWNLOAD, DOWNLOAD]
    expect((await gateway.call('POST', '/v1/downloads', { items })).status).toBe(200)
    expect((await gateway.call('GET', `/v1/objects/media/${KEY}`)).status).toBe(307)
    expect((await gateway.call('HEAD', `/v1/objects/media/${KEY}`)).status).toBe(404)
    for (const body of [uploadBody(), uploadBody({ key: 'acme/alice/b' })]) {
      const refused = await gateway.call('POST', '/v1/uploads', body)
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
      await expectRefused(refused, { status: 503, code })
    }
    for (const path of ['/healthz', '/readyz']) {
      expect((await gateway.app.request(path)).status).toBe(200)
    }
    fault = 'none'
    expect((await upload()).status).toBe(201)
    expect((await download()).status).toBe(200)
  })

  it('counts each request that passes, and writes one line when it begins and one when it ends', async () => {
    await open()
    fault = kind
    expect(await signed(4)).toBe(4)
    expect(logged('requests.failed_open')).toHaveLength(1)
    expect(logged('requests.counted_again')).toEqual([])
    const reason = kind === 'full' ? 'Overloaded' : 'LedgerUnavailable'
    const labels = `what="requests",reason="${reason}"`
    expect(await failedOpen()).toEqual([expect.stringMatching(`${labels}.*} 4$`)])
    fault = 'none'
    clock.advance(1_000)
    expect(await signed(2)).toBe(2)
    expect(logged('requests.counted_again')).toMatchObject([{ afterMs: 1_000 }])
    expect(logged('requests.failed_open')).toHaveLength(1)
  })

  it('closed by the configuration: downloads are 503 with Retry-After, too, and nothing is counted', async () => {
    await open({ whenAway: { requests: 'closed' } })
    fault = kind
    const refused = await download()
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    const code = kind === 'full' ? 'Overloaded' : 'LedgerUnavailable'
    await expectRefused(refused, { status: 503, code })
    expect((await gateway.call('GET', '/v1/objects/media')).status).toBe(503)
    expect([await failedOpen(), logged('requests.failed_open')]).toEqual([[], []])
  })
})

describe('what needs the ledger while it is away', () => {
  it.each(['away', 'saltless', 'fenced'] as const)(
    'is 503 when it is %s: usage, dry runs, and all that an upload’s owner asks',
    async (kind) => {
      await open()
      const { id } = await (await upload()).json()
      fault = kind
      const calls = [
        ['GET', '/v1/usage', undefined],
        ['POST', '/v1/uploads?dryRun=true', uploadBody()],
        ['DELETE', `/v1/uploads/${id}`, undefined],
        // The others only read: a ledger that recovers may answer them.
        ...(kind === 'fenced'
          ? []
          : ([
              ['GET', '/v1/uploads', undefined],
              ['GET', `/v1/uploads/${id}`, undefined],
              ['POST', `/v1/uploads/${id}/complete`, {}],
            ] as const)),
      ] as const
      for (const [method, path, body] of calls) {
        await expectRefused(await gateway.call(method, path, body), AWAY)
      }
      fault = 'none'
      expect((await gateway.call('DELETE', `/v1/uploads/${id}`)).status).toBe(204)
    },
  )

  it('opens, probes and answers health with a ledger that has never been there', async () => {
    fault = 'saltless'
    await open()
    expect((await gateway.app.request('/readyz')).status).toBe(200)
    expect(await signed(1, 'globex/carol')).toBe(1)
    fault = 'none'
    expect((await upload()).status).toBe(201)
  })
})

describe('rates while the ledger is away', () => {
  it('each gateway keeps its share of them: limit and burst divided, and heals at that pace', async () => {
    await open({ gateways: 3 })
    fault = 'away'
    expect(await signed(5)).toBe(2)
    const { violations } = await expectRefused(await download(), SLOW_DOWN)
    const mine = { policy: 'mine', unit: 'requests', limit: 2, used: 2, pending: 0, requested: 1 }
    expect(violations).toEqual([{ ...mine, retryAfterSeconds: 30 }])
    clock.advance(29_999)
    expect(await signed(1)).toBe(0)
    clock.advance(1)
    expect(await signed(2)).toBe(1)
  })

  it('a burst is never divided away: one passes', async () => {
    await open({ gateways: 100 })
    fault = 'away'
    expect(await signed(3)).toBe(1)
    clock.advance(1_000_000)
    expect(await signed(3)).toBe(1)
  })

  it('a tenant’s rate is shared by its users, and by nobody else', async () => {
    await open()
    fault = 'away'
    expect(await signed(6, 'acme/alice')).toBe(6)
    expect(await signed(6, 'acme/bob')).toBe(3)
    expect(await signed(6, 'globex/carol')).toBe(6)
  })

  it('a refusal takes nothing from the rates that had room, and names all that had none', async () => {
    await open()
    fault = 'away'
    expect(await signed(20, 'acme/alice')).toBe(6)
    expect(await signed(2, 'acme/bob')).toBe(2)
    expect(await signed(1, 'acme/bob')).toBe(1)
    const { violations } = await expectRefused(await download(), SLOW_DOWN)
    expect(violations).toMatchObject([
      { policy: 'mine', used: 6, retryAfterSeconds: 10 },
      { policy: 'ours', used: 9, retryAfterSeconds: 1 },
    ])
  })

  it('what the limit allows at once passes above a share, then waits; more never does', async () => {
    await open({ gateways: 3 })
    fault = 'away'
    const many = (count: number) =>
      gateway.call('POST', '/v1/downloads', { items: new Array(count).fill(DOWNLOAD) })
    await expectRefused(await many(7), FULL)
    expect((await many(6)).status).toBe(200)
    // Six at one in 30 s each, of which two may be owed with the next one.
    clock.advance(149_999)
    expect(await signed(1)).toBe(0)
    clock.advance(1)
    expect(await signed(2)).toBe(1)
  })

  it('a shadow limit refuses nothing here either', async () => {
    const [mine, ours] = PLAN.rates
    await open({ plan: { rates: [{ ...mine, shadow: true }, ours] } as typeof PLAN })
    fault = 'away'
    expect(await signed(12)).toBe(9)
  })
})

describe('the log while the ledger comes and goes', () => {
  it('takes a ledger that answers now and then for one that is away: two lines, not two a request', async () => {
    await open()
    for (let round = 0; round < 50; round += 1) {
      fault = round % 2 === 0 ? 'away' : 'none'
      await download()
      clock.advance(20)
    }
    expect(logged('requests.failed_open')).toHaveLength(1)
    expect(logged('requests.counted_again')).toEqual([])
    fault = 'none'
    clock.advance(60_000)
    await download()
    expect(logged('requests.counted_again')).toHaveLength(1)
  })
})
