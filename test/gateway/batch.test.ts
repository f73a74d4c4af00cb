import { afterEach, describe, expect, it } from 'vitest'
import { stateOf } from '../support/expect-refused.ts'
import { type TestGateway, uploadBody } from '../support/test-gateway.ts'
import { openWatchedGateway, type WatchedGateway } from '../support/watched-gateway.ts'

let gateway: WatchedGateway
afterEach(() => gateway.close())

const INVALID = { status: 400, code: 'InvalidRequest' } as const
const DENIED = { status: 403, code: 'AccessDenied' } as const

function items(count: number, changes: Readonly<Record<string, unknown>> = {}) {
  return Array.from({ length: count }, (_, index) =>
    uploadBody({ key: `acme/alice/${index}`, sizeBytes: 10, ...changes }),
  )
}

function post(all: readonly unknown[], headers: Record<string, string> = {}) {
  return gateway.call('POST', '/v1/uploads/batch', { items: all }, { headers })
}

interface Level {
  readonly policy: string
  readonly used: number
  readonly pending: number
}

async function levels(of: TestGateway = gateway): Promise<Record<string, [number, number]>> {
  const answer = await of.call('GET', '/v1/usage')
  const { limits } = (await answer.json()) as { limits: Level[] }
  return Object.fromEntries(limits.map(({ policy, used, pending }) => [policy, [used, pending]]))
}

/** Room for ten uploads of ten bytes, in three ways. */
const TEN = {
  rates: [{ policy: 'rate', per: 'user', requests: 10, windowSeconds: 3_600, burst: 10 }],
  quotas: [
    { policy: 'bytes', per: 'user', unit: 'bytes', limit: 100, window: 'day' },
    { policy: 'stored', per: 'tenant', unit: 'stored-bytes', limit: 100 },
    { policy: 'slots', per: 'user', unit: 'pending-uploads', limit: 10 },
  ],
}

describe('batches of uploads', () => {
  it('201: as many uploads as were asked for, in their order, each with a grant of its own', async () => {
    gateway = await openWatchedGateway()
    const answer = await post(items(3, { metadata: { album: '7' } }))
    expect(answer.status).toBe(201)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.get('ratelimit')).toContain('"user-bytes-day"')
    const body = await answer.json()
    expect(body.items.map(({ key }: { key: string }) => key)).toEqual([
      'acme/alice/0',
      'acme/alice/1',
      'acme/alice/2',
    ])
    const ids = body.items.map(({ id }: { id: string }) => id)
    expect(new Set(ids).size).toBe(3)
    for (const { id, request, guarantees } of body.items) {
      expect(request.url).toContain('X-Amz-Signature=')
      expect(request.headers['x-amz-meta-album']).toBe('7')
      expect(guarantees).toMatchObject({ size: 'exact', writeOnce: true })
      const one = await gateway.call('GET', `/v1/uploads/${id}`)
      expect(await one.json()).toMatchObject({ status: 'pending', sizeBytes: 10 })
    }
    expect(await levels()).toMatchObject({
      'user-bytes-day': [0, 30],
      'tenant-stored': [0, 30],
      'user-pending': [0, 3],
    })
    const granted = gateway.audited.filter(({ event }) => event === 'upload.granted')
    expect(granted.map(({ uploadId }) => uploadId)).toEqual(ids)
  })

  it('403: all or none at the exact edge, of every limit, without a trace', async () => {
    gateway = await openWatchedGateway({ plan: TEN })
    const before = stateOf(gateway)
    await gateway.refuse(
      'POST',
      '/v1/uploads/batch',
      { items: items(11) },
      {
        status: 403,
        code: 'QuotaExceeded',
      },
    )
    expect(stateOf(gateway).ledger).toBe(before.ledger)
    const bytes = items(2, { sizeBytes: 50 }).concat(
      uploadBody({ key: 'acme/alice/x', sizeBytes: 1 }),
    )
    const { violations } = await gateway.refuse(
      'POST',
      '/v1/uploads/batch',
      { items: bytes },
      {
        status: 403,
        code: 'QuotaExceeded',
      },
    )
    expect(violations).toMatchObject([
      { policy: 'bytes', requested: 101 },
      { policy: 'stored', requested: 101 },
    ])
    expect(stateOf(gateway).ledger).toBe(before.ledger)
    expect((await post(items(10))).status).toBe(201)
    expect(await levels()).toMatchObject({ bytes: [0, 100], stored: [0, 100], slots: [0, 10] })
    const one = await gateway.call('POST', '/v1/uploads', uploadBody({ key: 'acme/alice/y' }))
    expect(one.status).toBe(403)
  })

  it('201 and 400: 1,000 uploads pass, and 1,001 or none do not', async () => {
    gateway = await openWatchedGateway()
    expect((await post(items(1_000))).status).toBe(201)
    expect((await levels())['user-pending']).toEqual([0, 1_000])
    await gateway.refuse('POST', '/v1/uploads/batch', { items: items(1_001) }, INVALID)
    await gateway.refuse('POST', '/v1/uploads/batch', { items: [] }, INVALID)
    await gateway.refuse('POST', '/v1/uploads/batch', { items: 'x' }, INVALID)
    await gateway.refuse('POST', '/v1/uploads/batch', uploadBody(), INVALID)
  })

  it('400, 403, 413, 415: one that cannot be had refuses all, and is named', async () => {
    gateway = await openWatchedGateway({
      allow: { 'acme/alice': [{ operations: ['upload', 'overwrite'] }] },
    })
    const cases = [
      [{ key: 'acme/bob/x' }, DENIED],
      [{ key: 'a/../b' }, { status: 400, code: 'InvalidKey' }],
      [{ sizeBytes: 2 ** 50 }, { status: 413, code: 'EntityTooLarge' }],
      [{ contentType: 'text/html' }, { status: 415, code: 'UnsupportedMediaType' }],
      [{ overwrite: true }, INVALID],
      [{ mode: 'multipart' }, INVALID],
      [{ mode: 'post' }, { status: 422, code: 'UnsupportedByStore' }],
      [{ x: 1 }, INVALID],
      [{ cacheControl: 'a\nb' }, INVALID],
      [{ storageClass: 'GLACIER' }, DENIED],
    ] as const
    for (const [changes, refusal] of cases) {
      const all = [...items(2), uploadBody({ key: 'acme/alice/last', ...changes })]
      const problem = await gateway.refuse('POST', '/v1/uploads/batch', { items: all }, refusal)
      expect(JSON.stringify(problem)).toMatch(/items[.[]2/)
    }
    expect((await levels())['user-pending']).toEqual([0, 0])
  })

  it('400: what has to be created on its own is told by its member', async () => {
    gateway = await openWatchedGateway()
    const cases = [
      [{ overwrite: true }, 'overwrite', 'must be false: an overwrite is created on its own'],
      [
        { mode: 'multipart' },
        'mode',
        'must be "auto", "put" or "post": an upload of parts is created on its own',
      ],
      [{ partChecksums: true }, 'partChecksums', 'is not a known member'],
      [{ maxSizeBytes: 1, sizeBytes: undefined }, 'maxSizeBytes', 'is for mode "post" only'],
      [{ sizeBytes: undefined }, 'sizeBytes', 'is required: the exact size of the body, in bytes'],
    ] as const
    for (const [changes, member, message] of cases) {
      const body = { items: items(1, changes) }
      const { fields } = await gateway.refuse('POST', '/v1/uploads/batch', body, INVALID)
      expect(fields).toContainEqual({ path: `items.0.${member}`, message })
    }
    expect((await post(items(1, { overwrite: false, mode: 'auto' }))).status).toBe(201)
  })

  it('400: two uploads of one key, which could not both be there', async () => {
    gateway = await openWatchedGateway()
    const twice = [uploadBody(), uploadBody({ key: 'acme/alice/other' }), uploadBody()]
    const { fields } = await gateway.refuse('POST', '/v1/uploads/batch', { items: twice }, INVALID)
    expect(fields).toEqual([{ path: 'items.2.key', message: 'must not be the one of items.0' }])
  })

  it('201: the same key and batch is the same uploads, charged once; another batch is a 422', async () => {
    gateway = await openWatchedGateway()
    const key = { 'idempotency-key': 'k' }
    const first = await (await post(items(3), key)).json()
    const again = await post(items(3), key)
    expect(again.status).toBe(201)
    const repeated = await again.json()
    const shape = ({ id, expiresAt }: { id: string; expiresAt: string }) => [id, expiresAt]
    expect(repeated.items.map(shape)).toEqual(first.items.map(shape))
    expect((await levels())['user-pending']).toEqual([0, 3])
    const mismatch = { status: 422, code: 'IdempotencyMismatch' } as const
    const options = { headers: key }
    for (const other of [items(2), items(4), items(3, { sizeBytes: 11 })]) {
      const answer = await gateway.call('POST', '/v1/uploads/batch', { items: other }, options)
      expect(answer.status).toBe(mismatch.status)
    }
    const single = await gateway.call('POST', '/v1/uploads', uploadBody(), options)
    expect(single.status).toBe(201)
    expect((await levels())['user-pending']).toEqual([0, 4])
  })

  it('200: a repeated batch whose grants have ended shows the uploads without any', async () => {
    gateway = await openWatchedGateway()
    const key = { 'idempotency-key': 'k' }
    const first = await (await post(items(2), key)).json()
    await gateway.call('DELETE', `/v1/uploads/${first.items[0].id}`)
    const half = await post(items(2), key)
    expect(half.status).toBe(201)
    const { items: shown } = await half.json()
    expect(shown[0]).toMatchObject({ status: 'aborted' })
    expect(shown[0].request).toBeUndefined()
    expect(shown[1].request.url).toContain('X-Amz-Signature=')
    gateway.clock.advance(300_000)
    const over = await post(items(2), key)
    expect(over.status).toBe(200)
    expect(JSON.stringify(await over.json())).not.toContain('X-Amz')
  })

  it.each([0, 1])(
    '409: a repeated batch of which upload %i is forgotten says so; another batch is a 422',
    async (which) => {
      const long = { expiresInSeconds: 400_000 }
      gateway = await openWatchedGateway({ bucket: { upload: { expiresInSecondsMax: 400_000 } } })
      const key = { 'idempotency-key': 'k' }
      const { items: first } = await (await post(items(2, long), key)).json()
      const gone = await gateway.context.ledger.find({ partition: 0, rid: first[which].id })
      if (gone === undefined) throw new Error('the upload is not there')
      const { partition, rid, fingerprint, subjects } = gone
      await gateway.context.ledger.finish({ op: 'V', partition, rid, fingerprint, subjects })
      // An ended one is forgotten after a day, by the next claim; the other one is still pending.
      gateway.clock.advance(2 * 86_400_000)
      await gateway.context.ledger.claim({ partition: 0, limit: 1, leaseMs: 1 })
      expect(await gateway.context.ledger.find(gone)).toBeUndefined()
      const all = (batch: readonly unknown[]) => ({ items: batch })
      const options = { headers: key }
      const path = '/v1/uploads/batch'
      const problem = await gateway.refuse(
        'POST',
        path,
        all(items(2, long)),
        { status: 409, code: 'UploadNotPending' },
        options,
      )
      expect(problem.detail).toBe(
        'Cannot repeat the batch: some of its uploads ended so long ago that they are forgotten',
      )
      const mismatch = { status: 422, code: 'IdempotencyMismatch' } as const
      const other = all(items(2, { ...long, sizeBytes: 11 }))
      await gateway.refuse('POST', path, other, mismatch, options)
    },
  )

  it('lives: every URL of a batch ends when it was asked to, whatever the others do', async () => {
    gateway = await openWatchedGateway()
    const [one = {}, two = {}] = items(2)
    const body = await (
      await post([
        { ...one, expiresInSeconds: 60 },
        { ...two, expiresInSeconds: 600 },
      ])
    ).json()
    const starts = Math.floor(gateway.clock.nowMs() / 1000) * 1000
    const lives = body.items.map(
      ({ expiresAt }: { expiresAt: string }) => Date.parse(expiresAt) - starts,
    )
    expect(lives).toEqual([60_000, 600_000])
    for (const [index, seconds] of [60, 600].entries()) {
      const url = new URL(body.items[index].request.url)
      expect(url.searchParams.get('X-Amz-Expires')).toBe(String(seconds + 30))
    }
  })

  it('500: a batch that cannot be recorded is not given, and takes nothing', async () => {
    let failing = true
    gateway = await openWatchedGateway({
      overrides: {
        audit: {
          async append({ event }) {
            if (failing && event === 'upload.granted') throw new Error('disk full')
          },
          query: async () => ({ events: [] }),
          async close() {},
        },
      },
    })
    const answer = await post(items(5))
    expect(answer.status).toBe(500)
    expect(await levels()).toMatchObject({ 'user-bytes-day': [0, 0], 'user-pending': [0, 0] })
    failing = false
    expect((await post(items(5))).status).toBe(201)
  })
})
