import { afterEach, describe, expect, it } from 'vitest'
import { SignedUrl } from '../../src/secret.ts'
import { createAws4fetchPresigner } from '../../src/signing/aws4fetch-presigner.ts'
import type { Presigner } from '../../src/signing/presigner.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { openTestGateway, type TestGateway, uploadBody } from '../support/test-gateway.ts'

const INTERNAL = { status: 500, code: 'InternalError' } as const

/** Signs rightly, and then hands out something else. */
function bent(bend: (url: string) => string): Presigner {
  const honest = createAws4fetchPresigner()
  return {
    ...honest,
    async presign(request) {
      return new SignedUrl(bend((await honest.presign(request)).reveal()))
    },
  }
}

const BENDS: readonly (readonly [what: string, bend: (url: string) => string])[] = [
  ['another path', (url) => url.replace('/alice/', '/bob/')],
  ['another bucket', (url) => url.replace('/media-prod/', '/other-prod/')],
  ['the bucket itself', (url) => url.replace(/\/media-prod\/[^?]*/, '/media-prod')],
  ['a path that a parser would fold', (url) => url.replace('/alice/', '/x/../alice/')],
  ['a path encoded otherwise', (url) => url.replace('/alice/', '/%61lice/')],
  ['another host', (url) => url.replace('127.0.0.1:9', 'evil.example')],
  ['another port', (url) => url.replace('127.0.0.1:9/', '127.0.0.1:99/')],
  ['another scheme', (url) => url.replace('http:', 'https:')],
  ['somebody in front of the host', (url) => url.replace('http://', 'http://a:b@')],
  ['one more query name', (url) => `${url}&x-id=PutObject`],
  ['an access list', (url) => `${url}&acl=`],
  ['a query name less', (url) => url.replace(/&X-Amz-Date=[^&]*/, '')],
  ['a query name twice', (url) => `${url}&X-Amz-Expires=330`],
  ['a longer expiry', (url) => url.replace('X-Amz-Expires=330', 'X-Amz-Expires=604800')],
  ['fewer signed headers', (url) => url.replace(/(SignedHeaders=)[^&]*/, '$1host%3B')],
  ['another credential', (url) => url.replace('AKIATEST', 'AKIAEVIL')],
  ['a fragment', (url) => `${url}#x`],
  ['no signature', (url) => url.replace(/[0-9a-f]{64}/, 'x')],
]

let gateway: TestGateway
afterEach(() => gateway.close())

const alarms = async () => {
  const metrics = (await gateway.context.readMetrics?.()) ?? ''
  return Number(/^signet_alarm_signer_total\{store="main"[^}]*\} (\d+)/m.exec(metrics)?.[1] ?? 0)
}

async function expectNothingHeld(): Promise<void> {
  const usage = await gateway.call('GET', '/v1/usage')
  const { limits } = await usage.json()
  expect(limits).not.toHaveLength(0)
  for (const limit of limits) {
    expect(limit).toMatchObject({ pending: 0 })
    // The request itself has been made; nothing of the object counts.
    if (limit.unit !== 'requests') expect(limit).toMatchObject({ used: 0 })
  }
  const uploads = await gateway.call('GET', '/v1/uploads')
  expect(await uploads.json()).toEqual({ uploads: [] })
}

describe('a presigner that hands out what nobody asked for', () => {
  it.each(BENDS)('K23 500: %s; the grant is withheld and the reservation void', async (_, bend) => {
    gateway = await openTestGateway({ overrides: { presigner: bent(bend) } })
    const upload = await gateway.call('POST', '/v1/uploads', uploadBody())
    const problem = await expectRefused(upload, INTERNAL, { gateway })
    const { type, title, status, code, requestId } = problem
    expect(problem).toEqual({ type, title, status, code, requestId })
    expect(upload.headers.has('location')).toBe(false)
    await expectNothingHeld()
    expect(gateway.audited).toMatchObject([{ event: 'upload.refused', code: 'InternalError' }])
    expect(await alarms()).toBe(1)
  })

  it.each(BENDS)('K23 500: %s; a download, one of many and a redirect too', async (_, bend) => {
    gateway = await openTestGateway({ overrides: { presigner: bent(bend) } })
    const wanted = { bucket: 'media', key: 'acme/alice/cat.jpg' }
    for (const answer of [
      await gateway.call('POST', '/v1/downloads', wanted),
      await gateway.call('POST', '/v1/downloads', { items: [wanted] }),
      await gateway.call('GET', '/v1/objects/media/acme/alice/cat.jpg'),
    ]) {
      await expectRefused(answer, INTERNAL, { gateway })
      expect(answer.headers.has('location')).toBe(false)
    }
    const granted = gateway.audited.filter(({ event }) => event === 'download.granted')
    expect(granted).toEqual([])
    expect(await alarms()).toBe(3)
  })

  it('K23 500: a grant whose size is not signed', async () => {
    const honest = createAws4fetchPresigner()
    const presigner: Presigner = {
      ...honest,
      presign({ headers, ...request }) {
        const fewer = new Map([...headers].filter(([name]) => name !== 'content-length'))
        return honest.presign({ ...request, headers: fewer })
      },
    }
    gateway = await openTestGateway({ overrides: { presigner } })
    const upload = await gateway.call('POST', '/v1/uploads', uploadBody())
    await expectRefused(upload, INTERNAL, { gateway })
    await expectNothingHeld()
    expect(await alarms()).toBe(1)
  })

  it('K23 201: no alarm for one that does as it is told', async () => {
    gateway = await openTestGateway({ overrides: { presigner: bent((url) => url) } })
    expect((await gateway.call('POST', '/v1/uploads', uploadBody())).status).toBe(201)
    expect(await alarms()).toBe(0)
  })
})
