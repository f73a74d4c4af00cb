import { afterEach, expect, it } from 'vitest'
import { expectRefused, stateOf } from '../support/expect-refused.ts'
import { describeOnCeph } from '../support/stores/stores-under-test.ts'
import { createForm, gatewayForForms, MAX_BYTES, sendForm } from './form-fixture.ts'
import { type GatewayOnStore, UNTIL_RELEASED_MS } from './gateway-on-store.ts'

describeOnCeph('uploads by form', (store) => {
  let gateway: GatewayOnStore
  afterEach(() => gateway.close())
  const stored = async () => (await gateway.usage())['tenant-stored']

  it('201: reserves the upper bound, and settles to the real size once the form is dead', async () => {
    gateway = await gatewayForForms(store)
    const upload = await createForm(gateway)
    expect(upload).toMatchObject({
      status: 'pending',
      sizeBytes: MAX_BYTES,
      guarantees: { size: 'max', contentType: true, writeOnce: false, unpinnedHeaders: [] },
    })
    expect(upload.form.fileField).toBe('file')
    expect(upload.form.fields).toMatchObject({ key: upload.key, success_action_status: '201' })
    expect(await stored()).toEqual({ used: 0, pending: MAX_BYTES })
    expect(await sendForm(upload, 300)).toBe(201)
    const completed = await gateway.complete(upload.id)
    const view = await completed.json()
    expect(view).toMatchObject({ status: 'completed', sizeBytes: 300 })
    expect(view.etag).toMatch(/^"/)
    // Somebody may still send the same form with more bytes: they stay reserved.
    expect(await stored()).toEqual({ used: 0, pending: MAX_BYTES })
    expect(await (await gateway.complete(upload.id)).json()).toMatchObject({ sizeBytes: 300 })
    expect(await gateway.status(upload.id)).toBe('completed')
    gateway.clock.advance(UNTIL_RELEASED_MS)
    await gateway.sweepAll()
    expect(await stored()).toEqual({ used: 300, pending: 0 })
    expect(await gateway.status(upload.id)).toBe('completed')
  })

  it('charged: what a form was sent with last, not what complete had seen', async () => {
    gateway = await gatewayForForms(store)
    const upload = await createForm(gateway)
    expect(await sendForm(upload, 1)).toBe(201)
    await gateway.complete(upload.id)
    expect(await sendForm(upload, MAX_BYTES)).toBe(201)
    gateway.clock.advance(UNTIL_RELEASED_MS)
    await gateway.sweepAll()
    expect(await stored()).toEqual({ used: MAX_BYTES, pending: 0 })
    const view = await gateway.call('GET', `/v1/uploads/${upload.id}`)
    expect(await view.json()).toMatchObject({ status: 'completed', sizeBytes: MAX_BYTES })
  })

  it('charged: not before the store’s own Date says that the form is dead', async () => {
    let lagMs = 2 * UNTIL_RELEASED_MS
    gateway = await gatewayForForms(store, {
      onClient: (client) => ({
        ...client,
        async head(place, versionId) {
          const head = await client.head(place, versionId)
          return { ...head, storeNowMs: (head.storeNowMs ?? 0) - lagMs }
        },
      }),
    })
    const upload = await createForm(gateway)
    await sendForm(upload, 300)
    gateway.clock.advance(UNTIL_RELEASED_MS)
    await gateway.sweepAll()
    await gateway.complete(upload.id)
    expect(await stored()).toEqual({ used: 0, pending: MAX_BYTES })
    expect(await sendForm(upload, MAX_BYTES)).toBe(201)
    lagMs = 0
    gateway.clock.advance(UNTIL_RELEASED_MS)
    await gateway.sweepAll()
    expect(await stored()).toEqual({ used: MAX_BYTES, pending: 0 })
  })

  it('charged: nothing for a form whose object was deleted before it died', async () => {
    gateway = await gatewayForForms(store)
    const upload = await createForm(gateway)
    await sendForm(upload, 300)
    await gateway.complete(upload.id)
    const gone = await gateway.call('DELETE', `/v1/objects/media/${upload.key}`)
    expect(gone.status).toBe(204)
    gateway.clock.advance(UNTIL_RELEASED_MS)
    await gateway.sweepAll()
    expect(await stored()).toEqual({ used: 0, pending: 0 })
    expect(await gateway.status(upload.id)).toBe('completed')
  })

  it('201: an exact size is a range of one, and settles at complete', async () => {
    gateway = await gatewayForForms(store)
    const upload = await createForm(gateway, { maxSizeBytes: undefined, sizeBytes: 300 })
    expect(upload).toMatchObject({ sizeBytes: 300, guarantees: { size: 'exact' } })
    expect(await sendForm(upload, 299)).toBe(400)
    expect(await sendForm(upload, 301)).toBe(400)
    expect(await sendForm(upload, 300)).toBe(201)
    expect((await gateway.complete(upload.id)).status).toBe(200)
    expect(await stored()).toEqual({ used: 300, pending: 0 })
  })

  it('released: a form that nobody used, and one that was aborted, once they are dead', async () => {
    gateway = await gatewayForForms(store)
    const unused = await createForm(gateway)
    const aborted = await createForm(gateway, { key: 'acme/alice/other' })
    await expectRefused(await gateway.complete(unused.id), {
      status: 409,
      code: 'UploadIncomplete',
    })
    expect((await gateway.call('DELETE', `/v1/uploads/${aborted.id}`)).status).toBe(204)
    expect(await stored()).toEqual({ used: 0, pending: 2 * MAX_BYTES })
    gateway.clock.advance(UNTIL_RELEASED_MS)
    await gateway.sweepAll()
    expect(await stored()).toEqual({ used: 0, pending: 0 })
    expect(await gateway.status(unused.id)).toBe('expired')
    expect(await gateway.status(aborted.id)).toBe('aborted')
  })

  it('409: a completed form cannot be aborted', async () => {
    gateway = await gatewayForForms(store)
    const upload = await createForm(gateway)
    await sendForm(upload, 300)
    await gateway.complete(upload.id)
    const refused = await gateway.call('DELETE', `/v1/uploads/${upload.id}`)
    await expectRefused(refused, { status: 409, code: 'UploadNotPending' })
  })

  it('201: listed as completed, and replayed without a form, once complete has seen it', async () => {
    gateway = await gatewayForForms(store)
    const upload = await createForm(gateway)
    await sendForm(upload, 300)
    await gateway.complete(upload.id)
    const list = async (status: string) => {
      const answer = await gateway.call('GET', `/v1/uploads?status=${status}`)
      return ((await answer.json()) as { uploads: { id: string }[] }).uploads.map(({ id }) => id)
    }
    expect(await list('completed')).toEqual([upload.id])
    expect(await list('pending')).toEqual([])
  })

  it('201: replaces an object without the permission to, says so, and what was completed stays charged', async () => {
    gateway = await gatewayForForms(store)
    const exact = { maxSizeBytes: undefined, sizeBytes: 5 }
    for (const upload of [await createForm(gateway, exact), await createForm(gateway, exact)]) {
      expect(upload.guarantees).toMatchObject({ size: 'exact', writeOnce: false })
      expect(await sendForm(upload, 5)).toBe(201)
      expect((await gateway.complete(upload.id)).status).toBe(200)
    }
    gateway.clock.advance(UNTIL_RELEASED_MS)
    await gateway.sweepAll()
    expect(await stored()).toEqual({ used: 10, pending: 0 })
  })

  it('422: where the bucket demands write-once, which a form cannot carry', async () => {
    gateway = await gatewayForForms(store, { bucket: { upload: { writeOnce: true } } })
    const body = { bucket: 'media', key: 'acme/alice/x', contentType: 'image/jpeg', mode: 'post' }
    const refused = await gateway.call('POST', '/v1/uploads', { ...body, maxSizeBytes: 5 })
    const problem = await expectRefused(refused, { status: 422, code: 'UnsupportedByStore' })
    expect(problem.capability).toBe('writeOnce')
  })

  it('422: cache control, encoding and disposition, which Ceph drops from a form', async () => {
    gateway = await gatewayForForms(store)
    for (const asked of [
      { cacheControl: 'max-age=60' },
      { contentEncoding: 'gzip' },
      { disposition: 'attachment' },
    ]) {
      const refused = await gateway.call('POST', '/v1/uploads', {
        bucket: 'media',
        key: 'acme/alice/x',
        contentType: 'image/jpeg',
        mode: 'post',
        maxSizeBytes: 5,
        ...asked,
      })
      const problem = await expectRefused(refused, { status: 422, code: 'UnsupportedByStore' })
      expect(problem.capability).toBe('formHeaders')
    }
  })

  it('400: a key with the placeholder of a file name, and nothing is reserved', async () => {
    gateway = await gatewayForForms(store)
    const before = stateOf(gateway)
    const refused = await gateway.call('POST', '/v1/uploads', {
      bucket: 'media',
      key: `acme/alice/$${'{filename}'}`,
      contentType: 'image/jpeg',
      mode: 'post',
      maxSizeBytes: 5,
    })
    await expectRefused(refused, { status: 400, code: 'InvalidKey' }, { gateway, before })
  })
})
