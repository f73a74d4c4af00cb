import { afterEach, expect, it } from 'vitest'
import { expectRefused } from '../support/expect-refused.ts'
import { openTestGateway, type TestGateway, uploadBody } from '../support/test-gateway.ts'

const KEY = { 'idempotency-key': 'k' }
const PROXY = '10.0.0.1'
const PLACEMENT = { store: 'main', bucket: 'first' }

let gateway: TestGateway
afterEach(() => gateway.close())

async function open(bucket: Readonly<Record<string, unknown>>): Promise<void> {
  gateway = await openTestGateway({
    // Nobody listens there.
    store: { endpoint: 'http://127.0.0.1:9' },
    server: { trustedProxies: [PROXY], callerRegion: { header: 'x-region' } },
    bucket,
  })
}

/** A request by a caller in that region, as the proxy tells. */
function post(path: string, body: unknown, headers: Record<string, string>): Promise<Response> {
  const authorization = `Bearer ${gateway.key()}`
  const init = {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  }
  const bindings = { incoming: { socket: { remoteAddress: PROXY } } }
  return Promise.resolve(gateway.app.request(path, init, bindings))
}

/** The same two requests: an upload, and a batch of two. */
async function both(headers: Record<string, string>): Promise<readonly Response[]> {
  const items = [uploadBody({ key: 'acme/alice/1' }), uploadBody({ key: 'acme/alice/2' })]
  return [
    await post('/v1/uploads', uploadBody(), headers),
    await post('/v1/uploads/batch', { items }, headers),
  ]
}

/** Ids and addresses, of one or of all. */
async function granted(answers: readonly Response[]): Promise<unknown> {
  return Promise.all(
    answers.map(async (answer) => {
      expect(answer.status).toBe(201)
      const body = await answer.json()
      const each = (body.items ?? [body]) as { id: string; request: { url: string } }[]
      return each.map(({ id, request }) => [id, new URL(request.url).pathname])
    }),
  )
}

it('201: a repetition from another region is the same upload, where it was', async () => {
  await open({ placements: [{ ...PLACEMENT, takes: { regions: ['eu'] } }] })
  const first = await granted(await both({ ...KEY, 'x-region': 'eu' }))
  expect(await granted(await both({ ...KEY, 'x-region': 'us' }))).toEqual(first)
  for (const fresh of await both({ 'idempotency-key': 'other', 'x-region': 'us' })) {
    await expectRefused(fresh, { status: 422, code: 'UnsupportedByStore' })
  }
  for (const fresh of await both({ 'x-region': 'us' })) {
    await expectRefused(fresh, { status: 422, code: 'UnsupportedByStore' })
  }
})

it('422: another request with the key stays another one, from wherever it comes', async () => {
  await open({ placements: [{ ...PLACEMENT, takes: { regions: ['eu'] } }] })
  await both({ ...KEY, 'x-region': 'eu' })
  const us = { ...KEY, 'x-region': 'us' }
  const refused = { status: 422, code: 'IdempotencyMismatch' } as const
  await expectRefused(await post('/v1/uploads', uploadBody({ sizeBytes: 7 }), us), refused)
  const items = [uploadBody({ key: 'acme/alice/1' }), uploadBody({ key: 'acme/alice/3' })]
  await expectRefused(await post('/v1/uploads/batch', { items }, us), refused)
  // One of them is none that was made before.
  const more = [...items, uploadBody({ key: 'acme/alice/4' })]
  await expectRefused(await post('/v1/uploads/batch', { items: more }, us), {
    status: 422,
    code: 'UnsupportedByStore',
  })
})

it('201: a repetition is not refused because its store is away by now', async () => {
  await open({ placements: [PLACEMENT], placing: { whenDown: 'refuse' } })
  const first = await granted(await both(KEY))
  const { storeHealth, config, clock } = gateway.context
  const store = config.stores.get('main')
  if (store === undefined) throw new Error('no store main')
  const nowMs = clock.nowMs()
  for (let n = 0; n < 5; n += 1) {
    storeHealth.answered(store, { sentAtMs: nowMs, receivedAtMs: nowMs, failed: true })
  }
  expect(await granted(await both(KEY))).toEqual(first)
  for (const fresh of await both({})) {
    await expectRefused(fresh, { status: 503, code: 'StoreUnavailable' })
  }
})
