import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { expectRefused } from '../../support/expect-refused.ts'
import { storeClient } from '../../support/stores/stores-under-test.ts'
import {
  type GatewayUnderTest,
  type Granted,
  type Level,
  put,
  uploadBody,
} from './gateway-under-test.ts'
import { MAX_OBJECT_BYTES } from './settings.ts'

/** What holds of single uploads, forms and batches, each with real bytes in a real store. */
export function describeUploads(suite: () => GatewayUnderTest): void {
  const stored = () => suite().level('tenant-stored', 'acme/bob')
  const asBob = { who: 'acme/bob' }

  describe('uploads', () => {
    it('201: a grant sends an object to the store; 200: complete tells what lies there, again and again', async () => {
      const { call, complete, status } = suite()
      const before = await stored()
      const body = uploadBody('acme/alice/first', { metadata: { album: '7' } })
      const created = await call('POST', '/v1/uploads', body)
      expect(created.status).toBe(201)
      const upload = (await created.json()) as Granted
      expect(created.headers.get('location')).toBe(`/v1/uploads/${upload.id}`)
      expect(created.headers.get('cache-control')).toBe('no-store')
      expect(created.headers.get('ratelimit-policy')).toContain('"user-bytes-day"')
      expect(upload).toMatchObject({ status: 'pending', sizeBytes: 1_000, key: body.key })
      expect(upload.guarantees).toMatchObject({ size: 'exact', contentType: true })
      expect(await put(upload)).toBe(200)
      const answers = [await complete(upload.id), await complete(upload.id)]
      expect(answers.map((answer) => answer.status)).toEqual([200, 200])
      const [first, second] = (await Promise.all(
        answers.map((answer) => answer.json()),
      )) as object[]
      expect(first).toMatchObject({
        id: upload.id,
        status: 'completed',
        sizeBytes: 1_000,
        etag: expect.stringContaining(
          createHash('md5').update(new Uint8Array(1_000)).digest('hex'),
        ),
      })
      expect(second).toEqual(first)
      expect(await status(upload.id)).toBe('completed')
      expect(await stored()).toEqual({ used: before.used + 1_000, pending: before.pending })
      const { headers } = await atStore(suite(), upload.key)
      expect([headers.get('x-amz-meta-album'), headers.get('content-type')]).toEqual([
        '7',
        'image/jpeg',
      ])
    })

    it('403 from the store: a byte more or less than granted, and another content type', async () => {
      const upload = await suite().create('exact')
      expect(await put(upload, new Uint8Array(1_001))).toBe(403)
      expect(await put(upload, new Uint8Array(999))).toBe(403)
      const headers = { ...upload.request.headers, 'content-type': 'image/png' }
      expect(await put({ request: { ...upload.request, headers } })).toBe(403)
      expect((await atStore(suite(), upload.key)).status).toBe(404)
    })

    it('201: guarantees are what the store keeps: write-once, or no word of it', async () => {
      const { create, store, uploaded } = suite()
      const writeOnce = store.kind === 'ceph'
      const first = await uploaded('once')
      const second = await create('once')
      expect([first.guarantees.writeOnce, second.guarantees.writeOnce]).toEqual([
        writeOnce,
        writeOnce,
      ])
      expect(await put(second)).toBe(writeOnce ? 412 : 200)
    })

    it('201: a digest binds the content where the store keeps it; 422: nowhere else', async () => {
      const { call, store } = suite()
      const sha256 = createHash('sha256').update('right').digest('base64')
      const md5 = createHash('md5').update('right').digest('base64')
      const digest = store.kind === 'ceph' ? { md5 } : { sha256 }
      const body = uploadBody('acme/alice/bound', { sizeBytes: 5, ...digest })
      const answer = await call('POST', '/v1/uploads', body)
      if (store.kind !== 'ceph') {
        await expectRefused(answer, { status: 422, code: 'UnsupportedByStore' })
        return
      }
      const upload = (await answer.json()) as Granted
      expect([answer.status, upload.guarantees.checksum]).toEqual([201, 'md5'])
      expect(await put(upload, 'wrong')).toBe(400)
      expect(await put(upload, 'right')).toBe(200)
    })

    it('200: an upload is shown without its grant, to whom it belongs; 404: to others', async () => {
      const { call, create } = suite()
      const { id } = await create('mine')
      const path = `/v1/uploads/${id}`
      const shown = await call('GET', path)
      const body = (await shown.json()) as object
      expect([shown.status, Object.hasOwn(body, 'request')]).toEqual([200, false])
      expect(body).toMatchObject({ id, status: 'pending', key: 'acme/alice/mine' })
      const unknown = { status: 404, code: 'NoSuchUpload' } as const
      await expectRefused(await call('GET', path, undefined, asBob), unknown)
      await expectRefused(await call('POST', `${path}/complete`, {}, asBob), unknown)
      await expectRefused(await call('DELETE', path, undefined, asBob), unknown)
    })

    it('409: complete before the object is there; the upload stays pending', async () => {
      const { complete, create, status } = suite()
      const { id } = await create('not-sent')
      await expectRefused(await complete(id), { status: 409, code: 'UploadIncomplete' })
      expect(await status(id)).toBe('pending')
    })

    it('204: abort, once and again; 409: complete after it', async () => {
      const { call, complete, create, status } = suite()
      const { id } = await create('aborted')
      const abort = () => call('DELETE', `/v1/uploads/${id}`)
      expect([(await abort()).status, (await abort()).status]).toEqual([204, 204])
      expect(await status(id)).toBe('aborted')
      await expectRefused(await complete(id), { status: 409, code: 'UploadNotPending' })
    })

    it('200: own uploads by status, page after page, each once', async () => {
      const { call, create } = suite()
      const who = 'acme/idle'
      const made = []
      for (const name of ['a', 'b', 'c']) made.push((await create(name, {}, { who })).id)
      const seen: string[] = []
      let cursor = ''
      for (let pages = 0; pages < 5; pages += 1) {
        const path = `/v1/uploads?status=pending&limit=2${cursor}`
        const answer = await call('GET', path, undefined, { who })
        expect(answer.status).toBe(200)
        const page = (await answer.json()) as { uploads: { id: string }[]; nextCursor?: string }
        seen.push(...page.uploads.map(({ id }) => id))
        if (page.nextCursor === undefined) break
        cursor = `&cursor=${encodeURIComponent(page.nextCursor)}`
      }
      expect(seen).toHaveLength(made.length)
      expect(new Set(seen)).toEqual(new Set(made))
    })

    it('201: an overwrite replaces the object and counts what is there now; 403: without the right', async () => {
      const { call, level, uploaded } = suite()
      await uploaded('replaced')
      const before = await level('tenant-stored')
      const body = uploadBody('acme/alice/replaced', { sizeBytes: 300, overwrite: true })
      const answer = await call('POST', '/v1/uploads', body)
      expect(answer.status).toBe(201)
      const upload = (await answer.json()) as Granted
      expect(await put(upload, new Uint8Array(300))).toBe(200)
      expect((await suite().complete(upload.id)).status).toBe(200)
      expect((await atStore(suite(), upload.key)).headers.get('content-length')).toBe('300')
      // What it replaced comes back when nobody can send it again, so at no time less is counted.
      expect((await level('tenant-stored')).used).toBeLessThanOrEqual(before.used + 300)
      const other = uploadBody('acme/bob/replaced', { overwrite: true })
      const refused = await call('POST', '/v1/uploads', other, asBob)
      await expectRefused(refused, { status: 403, code: 'AccessDenied' })
    })

    it('201: a bucket with a template names the object itself', async () => {
      const { uploaded } = suite()
      const body = { bucket: 'named', key: undefined, filename: 'my cat.jpg' }
      const { key } = await uploaded('', body)
      expect(key).toMatch(/^acme\/alice\/[0-9a-f-]{36}-my.cat\.jpg$/)
      expect((await atStore(suite(), key)).status).toBe(200)
    })

    it('201: a form takes up to its bound and no byte more; 422: where the store checks no form', async () => {
      const { call, complete, store } = suite()
      const body = uploadBody('acme/alice/form', {
        mode: 'post',
        maxSizeBytes: 1_000,
        sizeBytes: undefined,
      })
      const answer = await call('POST', '/v1/uploads', body)
      if (store.kind !== 'ceph') {
        await expectRefused(answer, { status: 422, code: 'UnsupportedByStore' })
        return
      }
      const upload = (await answer.json()) as Granted & { form: Form }
      expect([answer.status, upload.guarantees.size]).toEqual([201, 'max'])
      expect(await sendForm(upload.form, 1_001)).toBe(400)
      expect(await sendForm(upload.form, 700)).toBe(201)
      const completed = await complete(upload.id)
      expect(await completed.json()).toMatchObject({ status: 'completed', sizeBytes: 700 })
    })
  })

  describe('batches', () => {
    const items = (name: string, count: number, changes: object = {}) =>
      Array.from({ length: count }, (_, index) =>
        uploadBody(`acme/bob/${name}-${index}`, { sizeBytes: 10, ...changes }),
      )
    const batch = (all: readonly object[], headers: Record<string, string> = {}) =>
      suite().call('POST', '/v1/uploads/batch', { items: all }, { ...asBob, headers })

    it('201: as many grants as were asked for, in their order, and each of them works', async () => {
      const answer = await batch(items('batch', 3))
      expect(answer.status).toBe(201)
      const { items: uploads } = (await answer.json()) as { items: Granted[] }
      expect(uploads.map(({ key }) => key)).toEqual(items('batch', 3).map(({ key }) => key))
      const sent = await Promise.all(uploads.map((upload) => put(upload, new Uint8Array(10))))
      expect(sent).toEqual([200, 200, 200])
      const done = await Promise.all(uploads.map(({ id }) => suite().complete(id, {}, asBob)))
      expect(done.map(({ status }) => status)).toEqual([200, 200, 200])
    })

    it('413, 403: one item that may not be is none at all, and nothing is charged', async () => {
      const before = await stored()
      const large = uploadBody('acme/bob/large', { sizeBytes: MAX_OBJECT_BYTES + 1 })
      const foreign = uploadBody('acme/alice/foreign')
      const some = items('none', 2)
      await expectRefused(await batch([...some, large]), { status: 413, code: 'EntityTooLarge' })
      await expectRefused(await batch([...some, foreign]), { status: 403, code: 'AccessDenied' })
      expect(await stored()).toEqual(before)
    })

    it('201: 200 uploads by one decision are charged once each, also when the request is repeated', async () => {
      const before = await stored()
      const many = items('many', 200, { sizeBytes: 1 })
      const headers = { 'idempotency-key': 'many' }
      const [first, second] = [await batch(many, headers), await batch(many, headers)]
      expect([first.status, second.status]).toEqual([201, 201])
      const ids = await Promise.all(
        [first, second].map(async (answer) =>
          ((await answer.json()) as { items: Granted[] }).items.map(({ id }) => id),
        ),
      )
      expect(new Set(ids[0]).size).toBe(200)
      expect(ids[1]).toEqual(ids[0])
      expect(await stored()).toEqual({ used: before.used, pending: before.pending + 200 })
    })
  })

  describe('repeated and tried requests', () => {
    const key = 'acme/bob/repeated'
    const post = (changes: object = {}, headers = {}, query = '') =>
      suite().call('POST', `/v1/uploads${query}`, uploadBody(key, changes), { ...asBob, headers })
    const idempotent = { 'idempotency-key': 'again' }

    it('201: one idempotency key is one upload, charged once, however many ask at the same time', async () => {
      const before = await stored()
      const answers = await Promise.all(Array.from({ length: 10 }, () => post({}, idempotent)))
      const ids = await Promise.all(
        answers.map(async (answer) => ((await answer.json()) as Granted).id),
      )
      expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(201))
      expect(new Set(ids).size).toBe(1)
      expect(await stored()).toEqual({ used: before.used, pending: before.pending + 1_000 })
    })

    it('422: the same idempotency key with another body', async () => {
      expect((await post({}, idempotent)).status).toBe(201)
      const other = await post({ sizeBytes: 999 }, idempotent)
      await expectRefused(other, { status: 422, code: 'IdempotencyMismatch' })
    })

    it('200: a dry run tells the decision and its limits, and charges nothing', async () => {
      const before = await stored()
      const answer = await post({}, {}, '?dryRun=true')
      const text = await answer.text()
      expect([answer.status, text.includes('X-Amz-Signature')]).toEqual([200, false])
      const told = JSON.parse(text) as { allowed: boolean; form: string; limits: Level[] }
      expect(told).toMatchObject({ allowed: true, form: 'put', violations: [] })
      expect(told.limits).toHaveLength(4)
      expect(await stored()).toEqual(before)
    })
  })
}

interface Form {
  readonly url: string
  readonly fields: Readonly<Record<string, string>>
  readonly fileField: string
}

async function sendForm({ url, fields, fileField }: Form, bytes: number): Promise<number> {
  const body = new FormData()
  for (const [name, value] of Object.entries(fields)) body.append(name, value)
  body.append(fileField, new Blob([new Uint8Array(bytes)]), 'cat.jpg')
  const answer = await fetch(url, { method: 'POST', body })
  await answer.bytes()
  return answer.status
}

/** HEAD of an object with the store's own credential. */
async function atStore(
  { store, storeBucket }: GatewayUnderTest,
  key: string,
): Promise<Pick<Response, 'status' | 'headers'>> {
  const path = key.split('/').map(encodeURIComponent).join('/')
  const url = `${store.endpoint}/${storeBucket}/${path}`
  return storeClient(store).fetch(url, { method: 'HEAD' })
}
