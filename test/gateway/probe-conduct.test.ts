import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signedAnew } from '../../src/gateway/probe/expiry.ts'
import { ProbeSender, type Send } from '../../src/gateway/probe/sender.ts'
import { WrittenKeys } from '../../src/gateway/probe/written-keys.ts'
import { createLogger } from '../../src/log.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import type { ProbeReport } from '../../src/stores/probe-report.ts'
import { createStoreHealth } from '../../src/stores/store-health.ts'
import { allowOrigins } from '../support/stores/bucket-cors.ts'
import {
  APP_ORIGIN,
  describeOnCeph,
  embeddedStore,
  keepVersions,
  storeClient,
} from '../support/stores/stores-under-test.ts'
import { TestClock } from '../support/test-clock.ts'
import { gatewayOn } from './probe-fixture.ts'
import { withoutSteps } from './probed-store.ts'

const problem = (status: number) => new Response('<Error><Code>SlowDown</Code></Error>', { status })

function told({ findings }: ProbeReport, name: string): unknown {
  return findings.find(({ step, name: own }) => `${step} ${own}` === name)?.value
}

/** Answers some requests itself; the store has the others. */
function answering(answer: (url: URL, init: RequestInit) => Response | undefined): Send {
  return async (url, init) => answer(new URL(url), init) ?? fetch(url, init)
}

const sendsBytes =
  (bytes: string) =>
  (_: URL, { body }: RequestInit) =>
    body === bytes ? problem(503) : undefined

describe('a probe', () => {
  const store = embeddedStore()
  let report: ProbeReport

  beforeAll(async () => {
    await using probed = await gatewayOn(store)
    report = await probed.report()
  })

  it('looks at nothing again that an earlier one concluded, but at the clock and the control', async () => {
    await using probed = await gatewayOn(store)
    const again = await probed.report({ resume: withoutSteps(report, [5, 22]) })
    expect([again.complete, again.requests < 40]).toEqual([true, true])
    expect(again.capabilities).toEqual(report.capabilities)
    expect(again.findings.map(({ name }) => name)).toEqual(report.findings.map(({ name }) => name))
  })

  it('believes nothing that was seen of another server', async () => {
    await using probed = await gatewayOn(store)
    const capabilities = { ...report.capabilities, signedLength: 'no' } as const
    const seen = await probed.report({ resume: { ...report, capabilities, server: 'Other/1' } })
    expect(seen.capabilities).toEqual(report.capabilities)
  })

  it('tells all that is known so far after each step, and that it is not all', async () => {
    await using probed = await gatewayOn(store)
    const reports: ProbeReport[] = []
    const resume = withoutSteps(report, [5, 6, 22])
    await probed.report({ resume, onProgress: async (soFar) => void reports.push(soFar) })
    expect(reports.map(({ complete }) => complete)).toEqual([false, false, false])
    const counts = reports.map(({ findings }) => findings.length)
    expect(counts).toEqual([...counts].sort((a, b) => a - b))
  })

  it('ends between two requests when it is told to, and removes what it wrote', async () => {
    const ending = new AbortController()
    let requests = 0
    const send: Send = (url, init) => {
      requests += 1
      if (requests === 30) ending.abort()
      return fetch(url, init)
    }
    await using probed = await gatewayOn(store, { send })
    const cut = await probed.report({ signal: ending.signal })
    expect([cut.complete, told(cut, '3 presignPut'), cut.leftovers]).toEqual([false, 'yes', []])
    expect(cut.findings.some(({ value }) => value === 'unknown')).toBe(true)
    const left = await probed.gateway.context.storeClient.list(probed.placement, {
      prefix: '',
      limit: 10,
    })
    expect(left.objects).toEqual([])
  })

  it('concludes nothing from a 503 that comes twice, and has the rest', async () => {
    await using probed = await gatewayOn(store, { send: answering(sendsBytes('hello!')) })
    const seen = await probed.report({ resume: withoutSteps(report, [5, 6]) })
    expect(told(seen, '5 signedLength')).toBe('unknown')
    expect([seen.complete, seen.capabilities.signedLength]).toEqual([false, undefined])
    expect(seen.capabilities.signedType).toBe('yes')
  })

  it('keeps what an earlier one concluded where this one gets no answer', async () => {
    await using probed = await gatewayOn(store, { send: answering(sendsBytes('hello!')) })
    const stale = { ...report, findings: withoutSteps(report, [5]).findings }
    expect((await probed.report({ resume: stale })).capabilities.signedLength).toBe('yes')
  })

  it('keeps one finding of a step that is looked at again for another', async () => {
    const send = answering(sendsBytes('what nobody may copy'))
    await using probed = await gatewayOn(store, { send })
    const findings = report.findings.filter(({ name }) => name !== 'writeCredentialReads')
    const seen = await probed.report({ resume: { ...report, findings } })
    const values = ['7 unsignedCopySource', '9 writeCredentialReads'].map((name) =>
      told(seen, name),
    )
    expect([values, seen.complete]).toEqual([['closed', 'unknown'], false])
  })

  it('asks again after one 503', async () => {
    let answers = 0
    const send = answering((url, init) => {
      const answer = sendsBytes('hello!')(url, init)
      return answer !== undefined && answers++ === 0 ? answer : undefined
    })
    await using probed = await gatewayOn(store, { send })
    const seen = await probed.report({ resume: withoutSteps(report, [5]) })
    expect([answers, seen.capabilities.signedLength]).toEqual([2, 'yes'])
  })

  it('counts a hole that it has seen whatever else gets no answer', async () => {
    const send = answering((_, { body, headers }) => {
      if (body === 'hello!') return problem(503)
      const isShort = body === 'ello' && new Headers(headers).has('content-type')
      return isShort ? new Response('') : undefined
    })
    await using probed = await gatewayOn(store, { send })
    const seen = await probed.report({ resume: withoutSteps(report, [5]) })
    expect(seen.capabilities.signedLength).toBe('no')
  })

  it('gives up on a store that goes away in the middle', async () => {
    let requests = 0
    const send: Send = (url, init) => {
      requests += 1
      return requests > 20 ? Promise.reject(new Error('gone')) : fetch(url, init)
    }
    await using probed = await gatewayOn(store, { send, ownCalls: send })
    const cut = await probed.report()
    // Of some 300 that a whole one takes, cleaning up and all.
    expect([cut.complete, requests < 100]).toEqual([false, true])
  })

  it('removes what one that was cut off an hour ago has left, and nothing younger or else', async () => {
    const later =
      (hours: number): Send =>
      async (url, init) => {
        const answer = await fetch(url, init)
        if (init.method !== 'HEAD' || new URL(url).pathname.split('/').length > 2) return answer
        const date = new Date(Date.now() + hours * 3_600_000 - 60_000).toUTCString()
        return new Response(null, { headers: { ...Object.fromEntries(answer.headers), date } })
      }
    const own = '0123456789abcdef/1'
    for (const [hours, name, isLeft] of [
      [1, own, true],
      [1.1, own, false],
      [1.1, 'holiday.jpg', true],
      [1.1, '0123456789abcdefg/1', true],
    ] as const) {
      await using probed = await gatewayOn(store, { send: later(hours) })
      const object = `${store.endpoint}/${probed.placement.bucket}/.signet-probe/${name}`
      await storeClient(store).fetch(object, { method: 'PUT', body: 'left' })
      await probed.report({ resume: report })
      const { status } = await storeClient(store).fetch(object, { method: 'HEAD' })
      expect([hours, name, status]).toEqual([hours, name, isLeft ? 200 : 404])
    }
  })

  it('makes its calls in the background, and tells what is left where no turn comes', async () => {
    const clock = new TestClock(Date.now())
    const health = createStoreHealth({ clock, log: createLogger({ write() {}, clock }) })
    const visit = (background: boolean) =>
      health.visit(probed.placement.store, { background, patienceMs: 1 })
    let isHeld = false
    const send: Send = async (url, init) => {
      if (init.body === 'hello!' && !isHeld) {
        isHeld = true
        await Promise.all([visit(false), visit(false)])
      }
      return fetch(url, init)
    }
    const inBackground = new Set<boolean>()
    const ownCalls: Send = async (url, init) => {
      const isRoom = await visit(true).then(
        (free) => {
          free.ended({ failed: false })
          return true
        },
        () => false,
      )
      inBackground.add(!isRoom)
      return fetch(url, init)
    }
    const settings = { maxConcurrentCalls: 2, timeoutMs: 100 }
    await using probed = await gatewayOn(store, { send, ownCalls, health, settings })
    const cut = await probed.report({ resume: withoutSteps(report, [5]) })
    expect([...inBackground]).toEqual([true])
    expect([cut.complete, told(cut, '27 cleaned')]).toEqual([false, 'no'])
    expect(cut.leftovers).toContainEqual(expect.stringMatching(/^\.signet-probe\/[0-9a-f]{16}\/1$/))
  })

  it('tells what could not be removed', async () => {
    const isRemoval = (_: string, { method }: RequestInit) => method === 'DELETE'
    const ownCalls: Send = async (url, init) =>
      isRemoval(url, init) ? problem(403) : fetch(url, init)
    await using probed = await gatewayOn(store, { ownCalls })
    const { leftovers, ...seen } = await probed.report({ resume: report })
    expect(leftovers).toEqual([expect.stringMatching(/^\.signet-probe\/[0-9a-f]{16}\/1$/)])
    expect([told({ leftovers, ...seen }, '27 cleaned'), seen.complete]).toEqual(['no', true])
  })

  it('sees that URLs work for the public endpoint, or not, or knows nothing where it is out of reach', async () => {
    const other = store.endpoint.replace('127.0.0.1', 'localhost')
    const customDomain = async (publicEndpoint: string, send: Send = fetch) => {
      await using probed = await gatewayOn(store, { settings: { publicEndpoint }, send })
      const { traits, complete } = await probed.report({ resume: report })
      return [traits.customDomain, complete]
    }
    expect(await customDomain(other)).toEqual(['yes', true])
    const foreign = answering((url) => (url.hostname === 'localhost' ? problem(403) : undefined))
    expect(await customDomain(other, foreign)).toEqual(['no', true])
    expect(await customDomain('http://127.0.0.1:9')).toEqual([undefined, true])
  })

  it('says whether the token of a session is taken, where there is one', async () => {
    const credentials = { ...store.credentials.main, sessionToken: 'token' }
    await using probed = await gatewayOn(store, { credentials })
    expect(told(await probed.report({ resume: report }), '26 sessionToken')).toBe('yes')
  })

  it('sends parts of real size only where that is asked for', async () => {
    await using probed = await gatewayOn(store)
    const seen = await probed.report({ resume: report, full: true })
    expect([seen.complete, seen.traits.equalParts, seen.bytes > 11_000_000]).toEqual([
      true,
      false,
      true,
    ])
  })
})

describeOnCeph('a probe on Ceph', (ceph) => {
  let report: ProbeReport
  let closing: () => Promise<void>

  beforeAll(async () => {
    const probed = await gatewayOn(ceph)
    closing = () => probed[Symbol.asyncDispose]()
    await keepVersions(ceph, probed.placement.bucket)
    // Twice at once, as two gateways would.
    const [one, other] = await Promise.all([probed.report(), probed.report()])
    expect(one.capabilities).toEqual(other.capabilities)
    report = one
  })

  afterAll(() => closing())

  it('sees that a bucket which keeps versions does not keep write-once', () => {
    expect(report.capabilities.writeOnce).toBe('ignored')
    expect(report.capabilities).toMatchObject({ signedLength: 'yes', postPolicy: 'yes' })
  })

  it('lets nobody read what an attack has opened: it is gone before the next one begins', async () => {
    const sent: { method: string; key: string; opens: boolean }[] = []
    const send: Send = (url, init) => {
      const headers = new Headers(init.headers)
      const opens = ['x-amz-acl', 'x_amz_acl', 'x-amz-grant-read'].some((name) => headers.has(name))
      sent.push({ method: init.method ?? '', key: new URL(url).pathname, opens })
      return fetch(url, init)
    }
    await using probed = await gatewayOn(ceph, { send })
    const seen = await probed.report({ resume: withoutSteps(report, [10]) })
    expect(told(seen, '10 x-amz-acl')).toBe('effective')
    const opened = sent.flatMap(({ opens }, index) => (opens ? [index] : []))
    expect(opened).toHaveLength(3)
    for (const index of opened) {
      const { key } = sent[index] ?? {}
      const rest = sent.slice(index + 1)
      const gone = rest.findIndex((next) => next.method === 'DELETE' && next.key === key)
      // Besides looking at it, no more than an object to compare it with is written meanwhile.
      const writes = rest.slice(0, gone).filter(({ method }) => method === 'PUT')
      expect([gone >= 0, writes.length <= 1]).toEqual([true, true])
    }
  })

  it('leaves no version behind, and no delete marker, also where two run at once', async () => {
    expect(report.leftovers).toEqual([])
    const versions = `${ceph.endpoint}/${report.bucket}?versions`
    expect(await (await storeClient(ceph).fetch(versions)).text()).not.toContain('<Key>')
  })

  it('asks for every origin what a browser would ask, and whether it may read the ETag', async () => {
    await using probed = await gatewayOn(ceph)
    const origins = [APP_ORIGIN]
    const before = await probed.report({ resume: report, origins })
    expect([before.complete, told(before, '25 cors')]).toEqual([true, 'no'])
    await allowOrigins(ceph, probed.placement.bucket, origins)
    const after = await probed.report({
      resume: report,
      origins: [...origins, 'http://no.example'],
    })
    expect([told(after, '25 cors'), told(after, '25 corsExposesEtag')]).toEqual(['no', 'no'])
    const own = await probed.report({ resume: report, origins })
    expect([told(own, '25 cors'), told(own, '25 corsExposesEtag')]).toEqual(['yes', 'yes'])
  })
})

describe('the keys that a probe may have written', () => {
  it('stay until every attempt on them was refused', () => {
    const written = new WrittenKeys()
    written.add('a')
    written.add('a')
    written.add('b')
    written.forget('a')
    written.forget('b')
    expect([[...written], written.size]).toEqual([['a'], 1])
    written.forget('a')
    expect([...written]).toEqual([])
  })
})

describe('the requests of a probe', () => {
  const sender = (send: Send, maxRequests?: number) =>
    new ProbeSender({ send, store: 'main', timeoutMs: 1_000, ...(maxRequests && { maxRequests }) })
  const get = () => ({ method: 'GET' })

  it('end at their limit', async () => {
    const two = sender(async () => new Response(''), 2)
    await two.send('http://store.example', get)
    await two.send('http://store.example', get)
    await expect(two.send('http://store.example', get)).rejects.toThrow(/Cannot probe/)
    expect(two.requests).toBe(2)
  })

  it('end when nothing answers any more', async () => {
    const away = sender(async () => problem(503))
    for (let count = 0; count < 20; count += 1) {
      await expect(away.send('http://store.example', get)).rejects.toThrow(/Cannot probe/)
    }
    expect(away.requests).toBe(16)
  })

  it('take a 500 that comes twice for an answer only where it can do no harm', async () => {
    const broken = sender(async () => problem(500))
    await expect(broken.send('http://store.example', get)).rejects.toThrow(/Cannot probe/)
    const { status } = await broken.send('http://store.example', get, { takes500: true })
    expect(status).toBe(500)
  })
})

describe('a URL that is signed anew', () => {
  it('is the same URL as long as nothing is left out', async () => {
    const store = embeddedStore()
    await using probed = await gatewayOn(store)
    const { credentials } = probed.placement.store
    const signed = await probed.gateway.context.presigner.presign({
      method: 'GET',
      origin: store.endpoint,
      path: '/bucket/a%20b',
      query: new Map([['response-content-type', 'text/plain']]),
      headers: new Map(),
      credential: credentials.read,
      region: store.region,
      signedAtMs: Date.UTC(2026, 0, 15),
      expiresInSeconds: 60,
    })
    const url = signed.reveal()
    const anew = { url, credential: credentials.read, keeps: () => true }
    expect(signedAnew(nodeHashing, anew)).toBe(url)
  })
})
