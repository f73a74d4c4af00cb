import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Listening } from '../../src/runtime/listen.ts'
import { listenNode } from '../../src/runtime/listen-node.ts'
import { EVENT_SECRET } from '../stores/events/events-fixture.ts'
import { sendEvents } from '../support/stores/bucket-events.ts'
import { describeOnCeph, keepVersions, storeClient } from '../support/stores/stores-under-test.ts'
import { until } from '../support/until.ts'
import { createForm, sendForm } from './form-fixture.ts'
import { type GatewayForEvents, gatewayForEvents } from './gateway-for-events.ts'
import { type Created, storeSettings, UNTIL_RELEASED_MS } from './gateway-on-store.ts'
import { createParts, PART_BYTES, putParts } from './multipart-fixture.ts'

describeOnCeph('events of Ceph', (ceph) => {
  let gateway: GatewayForEvents
  let listening: Listening
  let endSending: () => Promise<void>
  const direct = storeClient(ceph)
  const urlOf = (key: string) => `${ceph.endpoint}/${gateway.storeBucket}/${key}`

  beforeAll(async () => {
    gateway = await gatewayForEvents(ceph, {
      store: {
        capabilities: {
          ...(storeSettings(ceph).capabilities as object),
          preferredPartBytes: PART_BYTES,
          writeOnceMultipart: 'no',
        },
      },
    })
    const { server } = gateway.context.config
    listening = await listenNode(gateway.app.fetch, { host: '127.0.0.1', port: 0 }, server)
    endSending = await sendEvents(ceph, {
      bucket: gateway.storeBucket,
      endpoint: `http://127.0.0.1:${listening.address.port}/v1/events/main`,
      opaqueData: EVENT_SECRET,
    })
  })
  afterAll(async () => {
    await endSending?.()
    await listening?.stop(0)
    await gateway?.close()
  })

  const create = (name: string, changes: object = {}) =>
    gateway.create({ key: `acme/alice/${name}`, ...changes })
  const isCompleted = async (id: string) => (await gateway.status(id)) === 'completed'
  const stored = async () => (await gateway.usage())['tenant-stored']
  const remove = async (key: string, headers: Record<string, string> = {}) => {
    const answer = await direct.fetch(urlOf(key), { method: 'DELETE', headers })
    expect(answer.status).toBe(204)
  }
  /** An upload that an event has settled. */
  async function arrived(name: string): Promise<Created> {
    const upload = await create(name)
    expect(await gateway.put(upload)).toBe(200)
    await until('it is settled', () => isCompleted(upload.id))
    return upload
  }

  it('settle a PUT without complete', async () => {
    const before = await stored()
    const upload = await arrived('by put é + %41.jpg')
    expect(await stored()).toEqual({ used: (before?.used ?? 0) + 1_000, pending: 0 })
    // Who completes it all the same is told the same.
    expect((await gateway.complete(upload.id)).status).toBe(200)
    expect(await stored()).toEqual({ used: (before?.used ?? 0) + 1_000, pending: 0 })
  })

  it('settle every upload of a batch', async () => {
    const keys = ['one', 'two', 'three'].map((name) => `acme/alice/batch/${name}`)
    const items = keys.map((key) => ({
      bucket: 'media',
      key,
      sizeBytes: 1_000,
      contentType: 'image/jpeg',
    }))
    const answer = await gateway.call('POST', '/v1/uploads/batch', { items })
    const batch = ((await answer.json()) as { items: Created[] }).items
    await Promise.all(batch.map((upload) => gateway.put(upload)))
    for (const { id } of batch) await until('it is settled', () => isCompleted(id))
  })

  it('show a form as completed, and charge what it has left when it can come no more', async () => {
    const before = await stored()
    const form = await createForm(gateway, { key: 'acme/alice/by-form' })
    expect(await sendForm(form, 300)).toBe(201)
    await until('it is seen', () => isCompleted(form.id))
    expect((await stored())?.pending).toBe(1_000)
    expect(await sendForm(form, 200)).toBe(201)
    gateway.clock.advance(UNTIL_RELEASED_MS)
    await gateway.sweepAll()
    expect(await stored()).toEqual({ used: (before?.used ?? 0) + 200, pending: 0 })
  })

  it('settle an upload of parts that was put together, whoever hears of it', async () => {
    const upload = await createParts(gateway, {
      key: 'acme/alice/by-parts',
      sizeBytes: PART_BYTES + 1,
    })
    const sent = await putParts(upload.multipart.parts)
    expect(await gateway.status(upload.id)).toBe('pending')
    const uploadId = new URL(upload.multipart.parts[0]?.request.url ?? '').searchParams.get(
      'uploadId',
    )
    const parts = sent.map(
      ({ partNumber, etag }) =>
        `<Part><PartNumber>${partNumber}</PartNumber><ETag>${etag}</ETag></Part>`,
    )
    // As a gateway does that dies before it has the answer.
    const answer = await direct.fetch(`${urlOf(upload.key)}?uploadId=${uploadId}`, {
      method: 'POST',
      body: `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`,
    })
    expect(answer.status).toBe(200)
    await until('it is settled', () => isCompleted(upload.id))
  })

  it('settle nothing for a PUT that write-once refused: Ceph tells of it all the same', async () => {
    const first = await arrived('taken.jpg')
    const before = await gateway.counted()
    const second = await create('taken.jpg')
    expect(await gateway.put(second)).toBe(412)
    // The object there is the first one's, and that is settled.
    await gateway.untilCounted('ignored ended', before)
    expect(await gateway.status(second.id)).toBe('pending')
    expect(await gateway.status(first.id)).toBe('completed')
  })

  it('settle nothing for a copy, though it carries a ticket', async () => {
    const source = await arrived('source.jpg')
    const pending = await create('copied.jpg')
    const before = await gateway.counted()
    const answer = await direct.fetch(urlOf(pending.key), {
      method: 'PUT',
      headers: { 'x-amz-copy-source': `/${gateway.storeBucket}/${source.key}` },
    })
    expect(answer.status).toBe(200)
    await gateway.untilCounted('ignored no-ticket', before)
    expect(await gateway.status(pending.id)).toBe('pending')
  })

  it('credit what was removed past the gateway, once', async () => {
    const used = (await stored())?.used ?? 0
    const upload = await arrived('removed.jpg')
    gateway.clock.advance(UNTIL_RELEASED_MS)
    const before = await gateway.counted()
    await remove(upload.key)
    await gateway.untilCounted('settled credited', before)
    expect((await stored())?.used).toBe(used)
    // Of nothing: Ceph sends a removal again, without a ticket.
    await remove(upload.key)
    await gateway.untilCounted('ignored no-ticket', before)
    await gateway.sweepAll()
    expect((await stored())?.used).toBe(used)
    expect(gateway.audited).toContainEqual(
      expect.objectContaining({ event: 'object.gone', uploadId: upload.id, sizeBytes: 1_000 }),
    )
  })

  it('credit what was removed while its URL lives when that is dead, by the sweeper', async () => {
    const used = (await stored())?.used ?? 0
    const upload = await arrived('removed-early.jpg')
    const before = await gateway.counted()
    await remove(upload.key)
    await gateway.untilCounted('settled credited', before)
    expect((await stored())?.used).toBe(used + 1_000)
    gateway.clock.advance(UNTIL_RELEASED_MS)
    await gateway.sweepAll()
    expect((await stored())?.used).toBe(used)
  })

  it('credit nothing twice that was deleted through the gateway', async () => {
    const used = (await stored())?.used ?? 0
    const upload = await arrived('deleted.jpg')
    gateway.clock.advance(UNTIL_RELEASED_MS)
    const before = await gateway.counted()
    const answer = await gateway.call('DELETE', `/v1/objects/media/${upload.key}`)
    expect(answer.status).toBe(204)
    await until('the event is looked after', async () => {
      const now = await gateway.counted()
      const done = ['ignored credited-before', 'settled credited'].map(
        (what) => (now[what] ?? 0) - (before[what] ?? 0),
      )
      return done.some((count) => count > 0)
    })
    expect((await stored())?.used).toBe(used)
  })

  it('credit nobody for a removal whose sender hides the ticket', async () => {
    const used = (await stored())?.used ?? 0
    const upload = await arrived('hidden.jpg')
    gateway.clock.advance(UNTIL_RELEASED_MS)
    const before = await gateway.counted()
    // Ceph tells this header instead of what the object had; `signet reconcile` finds it.
    await remove(upload.key, { 'x-amz-meta-signet': 'forged' })
    await gateway.untilCounted('ignored no-ticket', before)
    expect((await stored())?.used).toBe(used + 1_000)
  })

  it('are lost while the gateway is away, and the sweeper settles', async () => {
    const upload = await create('unheard.jpg')
    const { port } = listening.address
    await listening.stop(0)
    expect(await gateway.put(upload)).toBe(200)
    const { server } = gateway.context.config
    listening = await listenNode(gateway.app.fetch, { host: '127.0.0.1', port }, server)
    expect(await gateway.status(upload.id)).toBe('pending')
    gateway.clock.advance(UNTIL_RELEASED_MS)
    await gateway.sweepAll()
    expect(await gateway.status(upload.id)).toBe('completed')
  })

  it('credit nothing where the bucket keeps versions', async () => {
    await keepVersions(ceph, gateway.storeBucket)
    const used = (await stored())?.used ?? 0
    const upload = await arrived('kept.jpg')
    gateway.clock.advance(UNTIL_RELEASED_MS)
    const before = await gateway.counted()
    await remove(upload.key)
    await gateway.untilCounted('ignored other', before)
    const versionId = (await (await gateway.complete(upload.id)).json()).versionId
    await remove(`${upload.key}?versionId=${versionId}`)
    await gateway.untilCounted('ignored versioned', before)
    expect((await stored())?.used).toBe(used + 1_000)
  })
})
