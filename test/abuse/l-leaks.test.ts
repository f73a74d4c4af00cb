import { inspect } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import type { AppContext } from '../../src/http/app-context.ts'
import { openMemoryLedger } from '../../src/ledger/memory.ts'
import { createLogger, type LogLevel } from '../../src/log.ts'
import { NO_MULTIPART } from '../support/no-multipart.ts'
import { TestClock } from '../support/test-clock.ts'
import {
  CAPABLE_STORE,
  TEST_ADMIN_TOKEN,
  TEST_PEPPER,
  TEST_TICKET_KEY,
} from '../support/test-config.ts'
import {
  openTestGateway,
  type TestGateway,
  type TestGatewayOptions,
  uploadBody,
} from '../support/test-gateway.ts'

const SIGNATURE = /X-Amz-Signature/i
/** What a runtime or a library might put into an error's text. */
const TELLTALE = `https://s3.example/k?X-Amz-Signature=${'ab'.repeat(32)}`
const KEY = 'acme/alice/cat.jpg'
const DOWNLOAD = { bucket: 'media', key: KEY }

let gateway: TestGateway
afterEach(() => gateway.close())

async function throwing(): Promise<never> {
  throw new Error(`failed: ${TELLTALE}`, { cause: new TypeError(TELLTALE) })
}

/** Every call that signs something. */
async function signingCalls(): Promise<Response[]> {
  return [
    await gateway.call('POST', '/v1/uploads', uploadBody()),
    await gateway.call('POST', '/v1/downloads', DOWNLOAD),
    await gateway.call('POST', '/v1/downloads', { items: [DOWNLOAD, DOWNLOAD] }),
    await gateway.call('GET', `/v1/objects/media/${KEY}`),
  ]
}

/** Dependencies that throw, by name. `undefined` is none: everything is granted. */
const BROKEN: readonly (readonly [string, (clock: TestClock) => Partial<AppContext>])[] = [
  ['nothing', () => ({})],
  ['the presigner', () => ({ presigner: { presign: throwing } })],
  ['the audit log', () => ({ audit: { append: throwing, close: async () => {} } })],
  [
    'the ledger',
    (clock) => ({ ledger: { ...openMemoryLedger({ clock }), admit: throwing, finish: throwing } }),
  ],
  [
    'the stores',
    () => ({ storeClient: { ...NO_MULTIPART, head: throwing, remove: throwing, list: throwing } }),
  ],
]
const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

describe('grants', () => {
  it.each(BROKEN.flatMap(([what, broken]) => LEVELS.map((level) => ({ what, broken, level }))))(
    'L01 stay out of the log at level $level when $what fails',
    async ({ broken, level }) => {
      const clock = new TestClock()
      const lines: string[] = []
      const log = createLogger({ write: (line) => lines.push(line), clock, level })
      gateway = await openTestGateway({ clock, overrides: { log, ...broken(clock) } })
      const answers = await signingCalls()
      const failed = answers.filter(({ status }) => status >= 400)
      for (const answer of failed) {
        expect(await answer.text()).not.toMatch(SIGNATURE)
        expect(JSON.stringify([...answer.headers])).not.toMatch(SIGNATURE)
      }
      expect(lines.join('')).not.toMatch(SIGNATURE)
      expect(JSON.stringify(gateway.audited)).not.toMatch(SIGNATURE)
      expect(await gateway.context.readMetrics?.()).not.toMatch(SIGNATURE)
    },
  )

  it('L01 does not print a grant: as text, as JSON and inspected it is "[secret]"', async () => {
    const seen: unknown[] = []
    gateway = await openTestGateway()
    const { presigner } = gateway.context
    Object.assign(gateway.context, {
      presigner: {
        ...presigner,
        async presign(request: Parameters<typeof presigner.presign>[0]) {
          const url = await presigner.presign(request)
          seen.push(url)
          return url
        },
      },
    })
    await signingCalls()
    expect(seen.length).toBe(5)
    for (const url of seen) {
      expect([String(url), JSON.stringify(url), inspect(url)]).toEqual([
        '[secret]',
        '"[secret]"',
        '[secret]',
      ])
    }
  })

  it('L04 are shown once: no later answer, event or usage has one', async () => {
    gateway = await openTestGateway()
    const upload = await (await gateway.call('POST', '/v1/uploads', uploadBody())).json()
    expect(upload.request.url).toMatch(SIGNATURE)
    for (const path of [`/v1/uploads/${upload.id}`, '/v1/uploads', '/v1/usage']) {
      const answer = await gateway.call('GET', path)
      expect(answer.status).toBe(200)
      const text = await answer.text()
      expect(text).not.toMatch(SIGNATURE)
      expect(text).not.toContain('"request"')
      expect(text).not.toContain('x-amz-meta-signet')
    }
    const authorization = `Bearer ${TEST_ADMIN_TOKEN}`
    for (const path of ['stores', 'buckets', 'plans', 'tenants', 'usage?tenant=acme&user=alice']) {
      const answer = await gateway.admin.request(`/admin/v1/${path}`, {
        headers: { authorization },
      })
      expect(answer.status).toBe(200)
      expect(await answer.text()).not.toMatch(SIGNATURE)
    }
    expect(gateway.audited).toMatchObject([{ event: 'upload.granted', uploadId: upload.id }])
    expect(JSON.stringify(gateway.audited)).not.toMatch(SIGNATURE)
  })
})

describe('secrets', () => {
  /** Each secret as it is, in base64 and percent-encoded. */
  function formsOf(secrets: readonly string[]): string[] {
    return secrets.flatMap((secret) => [
      secret,
      Buffer.from(secret).toString('base64').replace(/=+$/, ''),
      Buffer.from(secret).toString('base64url'),
      encodeURIComponent(secret),
    ])
  }

  it('L02 appear in no answer, header, log line, event or metric, whatever is asked', async () => {
    const options: TestGatewayOptions = {
      overrides: {
        storeClient: { ...NO_MULTIPART, head: throwing, remove: throwing, list: throwing },
      },
    }
    gateway = await openTestGateway(options)
    const seen: string[] = []
    const note = async (answer: Response) => {
      seen.push(await answer.text(), JSON.stringify([...answer.headers]))
    }
    const bodies = [
      uploadBody(),
      uploadBody({ sizeBytes: -1 }),
      uploadBody({ key: '../x' }),
      DOWNLOAD,
    ]
    for (const path of ['/v1/uploads', '/v1/uploads?dryRun=true', '/v1/downloads', '/v1/nothing']) {
      for (const body of [...bodies, '{', { key: gateway.key() }]) {
        await note(await gateway.call('POST', path, body))
      }
    }
    for (const method of ['GET', 'DELETE']) {
      for (const path of [
        '/v1/usage',
        '/v1/uploads',
        `/v1/objects/media/${KEY}`,
        '/v1/objects/media',
      ]) {
        await note(await gateway.call(method, path))
        await note(await gateway.app.request(`${path}?api_key=${gateway.key()}`, { method }))
        await note(
          await gateway.app.request(path, {
            method,
            headers: { authorization: `Bearer ${gateway.key()}x, Bearer ${TEST_ADMIN_TOKEN}` },
          }),
        )
      }
    }
    for (const path of ['stores', 'buckets', 'plans', 'tenants', 'usage', 'sweep', 'nothing']) {
      const headers = { authorization: `Bearer ${TEST_ADMIN_TOKEN}` }
      await note(await gateway.admin.request(`/admin/v1/${path}`, { headers }))
    }
    seen.push(...gateway.log, JSON.stringify(gateway.audited))
    seen.push((await gateway.context.readMetrics?.()) ?? '')
    seen.push(
      inspect(gateway.context.config, { depth: 12 }),
      JSON.stringify(gateway.context.config),
    )
    const { credentials } = CAPABLE_STORE
    const secrets = [
      gateway.key(),
      TEST_PEPPER,
      TEST_TICKET_KEY,
      TEST_ADMIN_TOKEN,
      credentials.secretAccessKey,
    ]
    const all = seen.join('\n')
    for (const form of formsOf(secrets)) expect(all.includes(form)).toBe(false)
  })
})
