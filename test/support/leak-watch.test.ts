import { Hono } from 'hono'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/errors.ts'
import type { createApp } from '../../src/http/create-app.ts'
import { runOnGateway } from './cli-on-gateway.ts'
import { nowTesting, takeLeaks, watch, watchAnswers } from './leak-watch.ts'
import { CANARY, TEST_ADMIN_TOKEN, TEST_PEPPER } from './test-config.ts'
import { openTestGateway, type TestGateway, uploadBody } from './test-gateway.ts'

// Else the guard over all tests would see what is shown here on purpose.
afterEach(async () => {
  await takeLeaks()
})

/** What is said of a text, or of what happens meanwhile. */
async function leaksOf(work: () => unknown): Promise<string[]> {
  await takeLeaks()
  await work()
  return takeLeaks()
}

describe('the watch over every test gateway', () => {
  const base64 = (text: string) => Buffer.from(text).toString('base64')
  const key = `signet_acmealice_${'a-_Z9'.repeat(9).slice(0, 43)}_0aZ19b`
  const token = `eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.${'c'.repeat(86)}`
  const signature = '0123456789abcdef'.repeat(4)

  it.each([
    ['as it is', TEST_ADMIN_TOKEN],
    ['inside a URL', `https://x/?t=${encodeURIComponent(TEST_PEPPER)}`],
    ['in base64', base64(TEST_PEPPER)],
    ['in base64, one byte further', base64(`:${TEST_PEPPER}`)],
    ['in base64, two bytes further', base64(`::${TEST_PEPPER}`)],
    ['in base64url', Buffer.from(`user:${TEST_PEPPER}`).toString('base64url')],
    ['in hexadecimal', Buffer.from(TEST_PEPPER).toString('hex')],
    ['an API key', `Bearer ${key}`],
    ['a token', JSON.stringify({ authorization: token })],
    ['a signed URL', `https://s3/k?X-Amz-Signature=${signature}&x=1`],
    ['a signature of headers', `AWS4-HMAC-SHA256 SignedHeaders=host, Signature=${signature}`],
    ['a hash of a key', `"hash":"v1:${'A'.repeat(43)}"`],
    ['a form policy', JSON.stringify({ 'x-amz-signature': signature })],
    ['an escaped form policy', JSON.stringify(JSON.stringify({ 'x-amz-signature': signature }))],
  ])('sees a secret %s', async (_, text) => {
    nowTesting('this one')
    expect(await leaksOf(() => watch('log', `before ${text} after`))).toEqual([
      expect.stringMatching(/^log shows .* in "this one": before /),
    ])
  })

  it.each([
    ...[`v1:${'A'.repeat(42)}`, `v1:${'A'.repeat(44)}`, `rv1:${'A'.repeat(43)}`],
    ...['signet_http_duration_bucket', 'X-Amz-SignedHeaders=host', ''],
    ...[`"keyHash":"${signature.slice(0, 16)}"`, `"sha256":"${signature}"`, key.slice(0, -1)],
    ...['{"secret":"[secret]"}', 'eyJhbGciOiJFUzI1NiJ9', CANARY.slice(1)],
  ])('sees none in %j', async (text) => {
    expect(await leaksOf(() => watch('log', text))).toEqual([])
  })

  it('lets through what the answer is for, and nothing else', async () => {
    const text = `https://s3/k?X-Amz-Signature=${signature}`
    expect(await leaksOf(() => watch('answer', text, ['a signature']))).toEqual([])
    const both = await leaksOf(() => watch('answer', `${text} ${key}`, ['a signature']))
    expect(both).toEqual([expect.stringContaining('answer shows an API key in')])
  })
})

describe('a gateway that shows a secret', () => {
  let gateway: TestGateway
  beforeAll(async () => {
    gateway = await openTestGateway()
    gateway.app.get('/v1/leak/body', (http) => http.text(TEST_PEPPER))
    gateway.app.get('/v1/leak/header', (http) => http.text('', 200, { 'x-leak': gateway.key() }))
    gateway.app.get('/v1/leak/error', () => {
      throw new GatewayError('StoreUnavailable', 'Cannot ask', {
        cause: new Error('sent', { cause: `X-Amz-Signature=${'a'.repeat(64)}` }),
      })
    })
    const { admin } = gateway
    admin.get('/v1/leak/status', (http) => http.text(`X-Amz-Signature=${'a'.repeat(64)}`, 200))
  })
  afterAll(() => gateway.close())

  it.each([
    ['answer', () => gateway.app.request('/v1/leak/body')],
    ['answer', () => gateway.app.request('/v1/leak/header')],
    ['answer', () => gateway.admin.request('/v1/leak/status')],
    ['error', () => gateway.app.request('/v1/leak/error')],
    ['log', () => gateway.context.log.debug(TEST_PEPPER)],
    ['audit', () => gateway.context.audit.append({ reason: TEST_PEPPER } as never)],
    [
      'trace',
      () => gateway.context.telemetry.span('x', { 'http.route': TEST_PEPPER }, async () => 1),
    ],
  ])('is seen at the %s', async (outlet, work) => {
    expect(await leaksOf(work)).toEqual([expect.stringMatching(`^${outlet} shows `)])
  })

  it.each<[string, (answer: Response) => unknown]>([
    ['as bytes', (answer) => answer.arrayBuffer()],
    ['as a blob', (answer) => answer.blob()],
    ['by a copy', (answer) => answer.clone().text()],
    ['by a reader', async (answer) => answer.body?.getReader().read()],
    ['by a stream of another', (answer) => new Response(answer.body).text()],
    ['by nobody', () => {}],
  ])('is seen in an answer that is read %s', async (_, read) => {
    const answered = async () => read(await gateway.app.request('/v1/leak/body'))
    expect(new Set(await leaksOf(answered))).toEqual(
      new Set([expect.stringMatching(/^answer shows a secret/)]),
    )
  })

  it('is seen where a dry run signs', async () => {
    const app = watchAnswers(new Hono() as ReturnType<typeof createApp>)
    app.post('/v1/uploads', (http) => http.text(`Signature=${'a'.repeat(64)}`))
    const post = (query: string) => app.request(`/v1/uploads${query}`, { method: 'POST' })
    expect(await leaksOf(() => post('?dryRun=true'))).toHaveLength(1)
    expect(await leaksOf(() => post('?dryRun=false'))).toEqual([])
  })

  it('is seen where a command says it, unless the command is for that', async () => {
    const key = `signet_acmealice_${'a-_Z9'.repeat(9).slice(0, 43)}_0aZ19b`
    const answered = (args: readonly string[], body: unknown) =>
      runOnGateway({ admin: { request: async () => Response.json(body) } as never }, args)
    const listed = { keys: [{ id: 'k1', secret: key }] }
    expect(await leaksOf(() => answered(['keys', 'list', '--json'], listed))).toEqual([
      expect.stringMatching(/^command shows an API key/),
    ])
    const rotate = ['keys', 'rotate', 'acme', 'k1']
    const rotated = { id: 'k1', tenant: 'acme', user: 'alice', secret: key }
    expect(await leaksOf(() => answered(rotate, rotated))).toEqual([])
    expect(await leaksOf(() => answered(rotate, { ...rotated, user: TEST_PEPPER }))).toHaveLength(1)
  })

  it('is seen in the metrics when it closes', async () => {
    const other = await openTestGateway()
    other.context.telemetry.uploadRefused({ bucket: 'media', code: TEST_ADMIN_TOKEN })
    expect(await leaksOf(() => other.close())).toEqual([expect.stringMatching(/^metrics shows /)])
  })

  it('is none where the grant is its answer, and one as soon as it is shown again', async () => {
    const calls = async () => {
      await gateway.call('POST', '/v1/uploads', uploadBody())
      await gateway.call('POST', '/v1/downloads', { bucket: 'media', key: 'acme/alice/cat.jpg' })
      await gateway.call('GET', '/v1/objects/media/acme/alice/cat.jpg')
      await gateway.call('GET', '/v1/uploads')
    }
    expect(await leaksOf(calls)).toEqual([])
    gateway.app.get('/v1/leak/grant', async (http) => {
      const body = JSON.stringify(uploadBody({ key: 'acme/alice/dog.jpg' }))
      const headers = {
        authorization: http.req.header('authorization') ?? '',
        'content-type': 'application/json',
      }
      const granted = await gateway.app.request('/v1/uploads', { method: 'POST', headers, body })
      return http.text(await granted.text())
    })
    expect(await leaksOf(() => gateway.call('GET', '/v1/leak/grant'))).toEqual([
      expect.stringContaining('answer shows a signature'),
    ])
  })
})
