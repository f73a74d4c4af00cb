import { afterEach, describe, expect, it } from 'vitest'
import { createLogger, type LogLevel } from '../../src/log.ts'
import type { SignedUrl } from '../../src/secret.ts'
import { replace } from '../http/listening-gateway.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { NO_MULTIPART } from '../support/no-multipart.ts'
import { TestClock } from '../support/test-clock.ts'
import { uploadBody } from '../support/test-gateway.ts'
import { openWatchedGateway, type WatchedGateway } from '../support/watched-gateway.ts'

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']
const OBJECT = 'acme/alice/name-canary.jpg'
const SIGNATURE = /X-Amz-(?:Signature|Credential|Security-Token)/i

/** Every call that signs something, by name. */
const SIGNING_CALLS: Readonly<Record<string, (on: WatchedGateway) => Promise<Response>>> = {
  upload: (on) => on.call('POST', '/v1/uploads', uploadBody({ key: OBJECT })),
  overwrite: (on) => on.call('POST', '/v1/uploads', uploadBody({ key: OBJECT, overwrite: true })),
  replayed: (on) =>
    on.call('POST', '/v1/uploads', uploadBody({ key: OBJECT }), {
      headers: { 'idempotency-key': 'again' },
    }),
  replay: (on) =>
    on.call('POST', '/v1/uploads', uploadBody({ key: OBJECT }), {
      headers: { 'idempotency-key': 'again' },
    }),
  download: (on) => on.call('POST', '/v1/downloads', { bucket: 'media', key: OBJECT }),
  downloads: (on) =>
    on.call('POST', '/v1/downloads', { items: [{ bucket: 'media', key: OBJECT }] }),
  redirect: (on) => on.call('GET', `/v1/objects/media/${OBJECT}`),
}

interface Watched {
  readonly gateway: WatchedGateway
  readonly lines: string[]
  /** Every URL that was signed, even one that nobody got. */
  readonly signed: SignedUrl[]
}

let open: WatchedGateway | undefined
afterEach(() => open?.close())

async function openAt(level: LogLevel): Promise<Watched> {
  const clock = new TestClock()
  const lines: string[] = []
  const log = createLogger({ write: (line) => lines.push(line), clock, level })
  const gateway = await openWatchedGateway({
    clock,
    overrides: {
      log,
      storeClient: {
        ...NO_MULTIPART,
        head: async () => ({ found: false }),
        remove: async () => {},
        list: async () => ({ objects: [] }),
      },
    },
    allow: { 'acme/alice': [{ operations: ['upload', 'download', 'overwrite'] }] },
  })
  open = gateway
  const signed: SignedUrl[] = []
  const { presigner } = gateway.context
  replace(gateway, {
    presigner: {
      ...presigner,
      async presign(request) {
        const url = await presigner.presign(request)
        signed.push(url)
        return url
      },
    },
  })
  return { gateway, lines, signed }
}

/** No line and no audit record holds a grant, a part of one, or the name of the object. */
function expectNoGrant({ gateway, lines, signed }: Watched, name: string): void {
  const written = [...lines, JSON.stringify(gateway.audited), gateway.log.join('')].join('\n')
  expect([name, written]).not.toEqual([name, expect.stringMatching(SIGNATURE)])
  expect([name, written]).not.toEqual([name, expect.stringContaining('name-canary')])
  for (const url of signed) {
    const [, signature = ''] = /X-Amz-Signature=([0-9a-f]{64})/.exec(url.reveal()) ?? []
    expect(signature).toHaveLength(64)
    expect([name, written.includes(signature)]).toEqual([name, false])
  }
}

describe('logs', () => {
  it.each(LEVELS)('L01 no grant at level %s, by any call that signs', async (level) => {
    const watched = await openAt(level)
    for (const [name, call] of Object.entries(SIGNING_CALLS)) {
      const answer = await call(watched.gateway)
      expect([name, answer.status]).toEqual([name, expect.toSatisfy((status) => status < 400)])
    }
    expect(watched.signed.length).toBe(Object.keys(SIGNING_CALLS).length)
    expectNoGrant(watched, level)
    const granted = watched.gateway.audited.filter(({ event }) => /granted$/.test(String(event)))
    expect(granted.length).toBe(watched.signed.length)
    for (const event of granted) {
      expect(event).toMatchObject({
        bucket: 'media',
        keyHash: expect.stringMatching(/^[0-9a-f]{16}$/),
      })
    }
  })

  it.each(LEVELS)('L01 no grant at level %s, with any dependency throwing one', async (level) => {
    const watched = await openAt(level)
    const { gateway, signed } = watched
    const intact = { ...gateway.context }
    let thrown = 0
    // The worst that a dependency can do: an error that tells the grant, in all its parts.
    const leak = (): never => {
      thrown += 1
      const url = signed.at(-1)?.reveal() ?? `http://s/?X-Amz-Signature=${'a'.repeat(64)}`
      const error = new Error(`Cannot send ${url}`, { cause: new Error(`GET ${url} failed`) })
      throw Object.assign(error, { url, request: { url } })
    }
    const members = [
      'presigner',
      'ledger',
      'audit',
      'telemetry',
      'storeClient',
      'hashing',
      'accounts',
    ] as const
    for (const member of members) {
      const port: object = intact[member]
      for (const [name, value] of Object.entries(port)) {
        if (typeof value !== 'function' || name === 'close') continue
        replace(gateway, { [member]: { ...port, [name]: leak } })
        for (const [call, send] of Object.entries(SIGNING_CALLS)) {
          const answer = await send(gateway)
          if (answer.status >= 400) {
            expect([call, member, name, await answer.text()]).not.toEqual([
              call,
              member,
              name,
              expect.stringMatching(SIGNATURE),
            ])
          }
        }
        replace(gateway, { [member]: port })
      }
    }
    expect(thrown).toBeGreaterThan(20)
    expectNoGrant(watched, level)
    expect(watched.lines.some((line) => line.includes('request.failed'))).toBe(true)
  })
})

describe('a grant', () => {
  it('L01 500: is taken back with its Location when something fails behind it', async () => {
    const { gateway, signed } = await openAt('debug')
    const { telemetry } = gateway.context
    const requestServed = () => {
      throw new Error('full')
    }
    replace(gateway, { telemetry: { ...telemetry, requestServed } })
    const answer = await gateway.call('GET', `/v1/objects/media/${OBJECT}`)
    expect([signed.length, answer.headers.get('location')]).toEqual([1, null])
    await expectRefused(answer, { status: 500, code: 'InternalError' }, { gateway })
  })

  it('L04 is shown once, by the call that signed it: in no status, list, usage or audit', async () => {
    const { gateway } = await openAt('debug')
    const created = await gateway.call('POST', '/v1/uploads', uploadBody())
    const { id, request } = await created.json()
    expect(request.url).toMatch(SIGNATURE)
    const paths = [
      `/v1/uploads/${id}`,
      '/v1/uploads',
      '/v1/uploads?status=aborted',
      '/v1/usage',
      '/v1/objects/media',
    ]
    const ask = async (method: string, path: string, body?: unknown) => {
      const answer = await gateway.call(method, path, body)
      const text = await answer.text()
      expect([method, path, text]).not.toEqual([method, path, expect.stringMatching(SIGNATURE)])
      expect([method, path, text]).not.toEqual([method, path, expect.stringContaining('"request"')])
      expect(JSON.stringify([...answer.headers])).not.toMatch(SIGNATURE)
    }
    for (const path of paths) await ask('GET', path)
    await ask('POST', '/v1/uploads?dryRun=true', uploadBody())
    await ask('POST', `/v1/uploads/${id}/parts`, { partNumbers: [1] })
    await ask('POST', `/v1/uploads/${id}/complete`, {})
    await ask('DELETE', `/v1/uploads/${id}`)
    for (const path of paths) await ask('GET', path)
    expect(JSON.stringify(gateway.audited)).not.toMatch(SIGNATURE)
  })
})
