import { afterEach, describe, expect, it } from 'vitest'
import { CAPABLE_STORE } from '../support/test-config.ts'
import { uploadBody } from '../support/test-gateway.ts'
import { openWatchedGateway, type WatchedGateway } from '../support/watched-gateway.ts'

const INVALID = { status: 400, code: 'InvalidRequest' } as const
const BAD_TYPE = { status: 415, code: 'UnsupportedMediaType' } as const
const UNSUPPORTED = { status: 422, code: 'UnsupportedByStore' } as const

let gateway: WatchedGateway
afterEach(() => gateway.close())

const create = (body: unknown) => gateway.call('POST', '/v1/uploads', body)
const refuse = (body: unknown, refusal: Parameters<WatchedGateway['refuse']>[3]) =>
  gateway.refuse('POST', '/v1/uploads', body, refusal)

/** A store of which one capability is something else. */
function storeWith(capability: Readonly<Record<string, unknown>>) {
  return { capabilities: { ...CAPABLE_STORE.capabilities, ...capability } }
}

describe('content types', () => {
  const pictures = { bucket: { upload: { contentTypes: ['image/png', 'image/jpeg'] } } }

  it('U02 415: types that are not listed; each exactly, by its essence', async () => {
    gateway = await openWatchedGateway(pictures)
    for (const contentType of [
      'image/svg+xml',
      'text/html;charset=utf-8',
      'image/pn',
      'image/pngx',
      'image/x-png',
      'application/octet-stream',
    ]) {
      await refuse(uploadBody({ contentType }), BAD_TYPE)
    }
    for (const contentType of ['image/png', 'IMAGE/PNG', 'image/jpeg; charset=utf-8']) {
      const created = await create(uploadBody({ contentType }))
      expect(created.status).toBe(201)
      expect((await created.json()).request.headers['content-type']).toBe(contentType)
    }
  })

  it('U02 400: types that are malformed, whatever the list says', async () => {
    const buckets = {
      any: {
        placements: [{ store: 'main', bucket: 'any-prod' }],
        keys: { callerPrefix: '{tenant}/{user}/' },
      },
    }
    gateway = await openWatchedGateway({ ...pictures, buckets })
    for (const contentType of [
      'image/png;text/html',
      'IMAGE/PNG ',
      ' image/png',
      'image/png,text/html',
      'image/png;',
      'image/png; charset=utf-8; x=1',
      'image/png; boundary=x',
      'image/png\r\nx-amz-acl: public-read',
      'image/png\n',
      'image',
      'image/',
      '/png',
      'image/png/x',
      '*/*',
      'image/*',
      'image/\u20ac',
      '',
      `image/${'x'.repeat(250)}`,
    ]) {
      for (const bucket of ['media', 'any']) {
        await refuse(uploadBody({ bucket, contentType }), INVALID)
      }
    }
    for (const contentType of [7, null, ['image/png'], undefined]) {
      await refuse(uploadBody({ contentType }), INVALID)
    }
  })

  it('U02 415: HTML, SVG, XML and script, unless the bucket lists them (GHSA-gxhx)', async () => {
    gateway = await openWatchedGateway()
    for (const contentType of [
      'text/html',
      'TEXT/HTML',
      'text/html; charset=utf-8',
      'application/xhtml+xml',
      'image/svg+xml',
      'text/xml',
      'application/xml',
      'application/rss+xml',
      'text/javascript',
      'application/javascript',
      'multipart/x-mixed-replace',
    ]) {
      await refuse(uploadBody({ contentType }), BAD_TYPE)
    }
    expect((await create(uploadBody({ contentType: 'application/pdf' }))).status).toBe(201)
    await gateway.close()
    const listed = { bucket: { upload: { contentTypes: ['image/svg+xml'] } } }
    gateway = await openWatchedGateway(listed)
    expect((await create(uploadBody({ contentType: 'image/svg+xml' }))).status).toBe(201)
    await refuse(uploadBody({ contentType: 'text/html' }), BAD_TYPE)
  })

  it('U01 422: a store that was not seen to keep the type; never a weaker grant', async () => {
    for (const signedType of ['no', 'probe']) {
      gateway = await openWatchedGateway({ store: storeWith({ signedType }) })
      const problem = await refuse(uploadBody(), UNSUPPORTED)
      expect(problem.capability).toBe('signedType')
      await gateway.close()
    }
    gateway = await openWatchedGateway()
    const created = await create(uploadBody())
    expect(await created.json()).toMatchObject({ guarantees: { contentType: true } })
  })
})
