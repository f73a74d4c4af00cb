import { afterEach, describe, expect, it } from 'vitest'
import { CAPABLE_STORE } from '../support/test-config.ts'
import { uploadBody } from '../support/test-gateway.ts'
import { openWatchedGateway, type WatchedGateway } from '../support/watched-gateway.ts'

const INVALID = { status: 400, code: 'InvalidRequest' } as const
const UNSUPPORTED_TYPE = { status: 415, code: 'UnsupportedMediaType' } as const
const TOO_LARGE = { status: 413, code: 'EntityTooLarge' } as const
const DENIED = { status: 403, code: 'AccessDenied' } as const
const MODES = ['auto', 'put', 'post', 'multipart'] as const
const EVERY_FORM = {
  capabilities: {
    ...CAPABLE_STORE.capabilities,
    postPolicy: 'yes',
    multipart: 'yes',
    writeOnceMultipart: 'yes',
    formHeaders: 'yes',
  },
}

let gateway: WatchedGateway
afterEach(() => gateway.close())

async function open(options: Parameters<typeof openWatchedGateway>[0] = {}): Promise<void> {
  gateway = await openWatchedGateway({ store: EVERY_FORM, ...options })
}

/** Refused in every form, in its dry run, and as the last of a batch, of which none is signed. */
async function refusedInEveryForm(
  members: Readonly<Record<string, unknown>>,
  refusal: Parameters<WatchedGateway['refuse']>[3],
): Promise<void> {
  for (const mode of MODES) {
    const wanted = uploadBody({ mode, ...members })
    await gateway.refuse('POST', '/v1/uploads', wanted, refusal)
    await gateway.refuse('POST', '/v1/uploads?dryRun=true', wanted, refusal)
    if (mode === 'multipart') continue
    const items = [uploadBody({ key: 'acme/alice/fine' }), wanted]
    const problem = await gateway.refuse('POST', '/v1/uploads/batch', { items }, refusal)
    for (const { path } of (problem.fields ?? []) as { path: string }[]) {
      expect(path).toMatch(/^items\.1\./)
    }
  }
}

describe('in every form', () => {
  it('U02 415: a type outside the list; 400: one that is none', async () => {
    await open({ bucket: { upload: { contentTypes: ['image/png', 'image/jpeg'] } } })
    for (const contentType of ['image/svg+xml', 'text/html;charset=utf-8', 'image/gif']) {
      await refusedInEveryForm({ contentType }, UNSUPPORTED_TYPE)
    }
    for (const contentType of [
      'image/*',
      'image/png;text/html',
      'IMAGE/PNG ',
      '',
      'png',
      'image/png\r\nx: y',
    ]) {
      await refusedInEveryForm({ contentType }, INVALID)
    }
    for (const mode of ['auto', 'put', 'post']) {
      const wanted = uploadBody({ mode, contentType: 'image/png' })
      expect((await gateway.call('POST', '/v1/uploads', wanted)).status).toBe(201)
    }
  })

  it('U04 400: sizes that are none; 413 above the maximum, and 201 at it', async () => {
    await open({ bucket: { upload: { maxSizeBytes: 5_000 } } })
    for (const sizeBytes of [-1, 1.5, '10', null, true, 2 ** 50 + 1, [1]]) {
      await refusedInEveryForm({ sizeBytes }, INVALID)
    }
    await refusedInEveryForm({ sizeBytes: undefined }, INVALID)
    await refusedInEveryForm({ maxSizeBytes: 10 }, INVALID)
    await refusedInEveryForm({ sizeBytes: 5_001 }, TOO_LARGE)
    const upTo = (maxSizeBytes: unknown) => ({ sizeBytes: undefined, maxSizeBytes, mode: 'post' })
    for (const maxSizeBytes of [-1, 1.5, '10', null]) {
      await gateway.refuse('POST', '/v1/uploads', uploadBody(upTo(maxSizeBytes)), INVALID)
    }
    await gateway.refuse('POST', '/v1/uploads', uploadBody(upTo(5_001)), TOO_LARGE)
    for (const members of [
      upTo(5_000),
      upTo(0),
      { sizeBytes: 5_000, mode: 'post' },
      { sizeBytes: 5_000, mode: 'put' },
    ]) {
      const answer = await gateway.call('POST', '/v1/uploads', uploadBody(members))
      expect([members, answer.status]).toEqual([members, 201])
    }
  })

  it('U06 400: metadata that no header and no field can carry', async () => {
    await open()
    for (const metadata of [
      { a: 'x\r\nx-amz-acl: public-read' },
      { a: '\u20ac' },
      { a: ' x' },
      { a: 'x ' },
      { a: '' },
      { a: 'x'.repeat(3_072) },
      { signet: 'x' },
      { 'x-amz-acl': 'x' },
      { 'a"; name="key': 'x' },
      { 'a b': 'x' },
      Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`n${index}`, 'v'])),
    ]) {
      await refusedInEveryForm({ metadata }, INVALID)
    }
  })

  it('U12 403: overwrite without the permission; P06: nothing becomes another header', async () => {
    await open()
    await gateway.refuse(
      'POST',
      '/v1/uploads',
      uploadBody({ overwrite: true, mode: 'post' }),
      DENIED,
    )
    const parts = uploadBody({ overwrite: true, mode: 'multipart' })
    await gateway.refuse('POST', '/v1/uploads', parts, DENIED)
    for (const name of ['acl', 'websiteRedirect', 'copySource', 'objectLockMode', 'tagging']) {
      await refusedInEveryForm({ [name]: 'x' }, INVALID)
    }
  })

  it('D04 400: lifetimes that are none or above the cap', async () => {
    await open()
    for (const expiresInSeconds of [0, -1, 0.5, '60', '', 3_601, 604_801, 1e9, null]) {
      await refusedInEveryForm({ expiresInSeconds }, INVALID)
    }
  })

  it('D02 400: a file name that no header can carry, as a disposition', async () => {
    await open()
    for (const filename of ['a\r\nb', '../../x', 'a\\b', 'a\0', '', 'x'.repeat(1_025)]) {
      await refusedInEveryForm({ filename, disposition: 'attachment' }, INVALID)
    }
  })
})
