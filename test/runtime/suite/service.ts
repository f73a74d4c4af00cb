import { describe, expect, it } from 'vitest'
import { PUBLIC_API } from '../../../src/http/create-app.ts'
import { minioRecord } from '../../gateway/gateway-for-events.ts'
import { EVENT_SECRET } from '../../stores/events/events-fixture.ts'
import { expectRefused } from '../../support/expect-refused.ts'
import { APP_ORIGIN } from '../../support/stores/stores-under-test.ts'
import { until } from '../../support/until.ts'
import { type GatewayUnderTest, put } from './gateway-under-test.ts'

/** Uploads of a while ago, whose grants have ended or are about to. */
export interface LeftUploads {
  /** Of hugo; the object is there, and nobody has completed the upload. */
  readonly unsettled: string
  /** Key of an object of gina's, all that her tenant has stored. */
  readonly settledKey: string
}

/** What holds of the listener itself, of pages of other origins, and of what settles by itself. */
export function describeService(suite: () => GatewayUnderTest, left: () => LeftUploads): void {
  describe('the public listener', () => {
    it('200: it lives, is ready, and says so to anybody', async () => {
      const { url } = suite()
      const live = await fetch(`${url}/healthz`)
      expect([live.status, await live.json()]).toEqual([200, { status: 'ok' }])
      const ready = await fetch(`${url}/readyz`)
      expect([ready.status, await ready.json()]).toEqual([200, { status: 'ready' }])
    })

    it('200: its OpenAPI document has every route, and a page shows it', async () => {
      const { url } = suite()
      const answer = await fetch(`${url}/openapi.json`)
      const document = (await answer.json()) as {
        openapi: string
        paths: Record<string, Record<string, unknown>>
      }
      expect(document.openapi).toMatch(/^3\.1/)
      const told = Object.entries(document.paths).flatMap(([path, methods]) =>
        Object.keys(methods).map((method) => `${method} ${path}`),
      )
      const served = PUBLIC_API.map(({ method, path }) =>
        `${method.toLowerCase()} ${path.replace(/:(\w+)/g, '{$1}')}`.replace('*', '{key}'),
      )
      expect(told).toEqual(expect.arrayContaining(served))
      const page = await fetch(`${url}/docs`)
      expect([page.status, page.headers.get('content-type')]).toEqual([
        200,
        expect.stringContaining('text/html'),
      ])
    })

    it('204: a page of a listed origin may ask; one of another origin is told nothing', async () => {
      const preflight = (origin: string) =>
        fetch(`${suite().url}/v1/uploads`, {
          method: 'OPTIONS',
          headers: {
            origin,
            'access-control-request-method': 'POST',
            'access-control-request-headers': 'authorization,content-type',
          },
        })
      const allowed = await preflight(APP_ORIGIN)
      expect(allowed.status).toBe(204)
      expect(allowed.headers.get('access-control-allow-origin')).toBe(APP_ORIGIN)
      const other = await preflight('http://other.example')
      expect(other.headers.get('access-control-allow-origin')).toBeNull()
    })
  })

  describe('settling', () => {
    const deliver = (records: readonly object[], secret = EVENT_SECRET) =>
      fetch(`${suite().url}/v1/events/main`, {
        method: 'POST',
        headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
        body: JSON.stringify({ Records: records }),
      })

    it('202: an event of the store settles an upload that nobody has completed', async () => {
      const { create, level, storeBucket, untilStatus } = suite()
      const upload = await create('by-event')
      const before = await level('tenant-stored')
      expect(await put(upload)).toBe(200)
      const key = encodeURIComponent(upload.key)
      expect((await deliver([minioRecord(storeBucket, key)])).status).toBe(202)
      await untilStatus(upload.id, 'completed')
      expect(await level('tenant-stored')).toEqual({
        used: before.used + 1_000,
        pending: before.pending - 1_000,
      })
    })

    it('401: events with another secret, or of a store that is not there', async () => {
      const stranger = { status: 401, code: 'Unauthenticated' } as const
      await expectRefused(await deliver([], `${EVENT_SECRET}x`), stranger)
      const answer = await fetch(`${suite().url}/v1/events/none`, {
        method: 'POST',
        headers: { authorization: `Bearer ${EVENT_SECRET}` },
        body: '{"Records":[]}',
      })
      await expectRefused(answer, stranger)
    })

    it('an event of an object that is not there settles nothing', async () => {
      const { create, status, storeBucket } = suite()
      const absent = await create('never-sent')
      const present = await create('sent')
      expect(await put(present)).toBe(200)
      const records = [absent, present].map(({ key }) =>
        minioRecord(storeBucket, encodeURIComponent(key)),
      )
      expect((await deliver(records)).status).toBe(202)
      await suite().untilStatus(present.id, 'completed')
      expect(await status(absent.id)).toBe('pending')
    })

    it('the sweeper settles by itself what lies in the store when its grant is over', async () => {
      const { level, untilStatus } = suite()
      await untilStatus(left().unsettled, 'completed', 'late/hugo')
      expect(await level('small-stored', 'late/hugo')).toEqual({ used: 1_000, pending: 0 })
    })

    it('204: deleting an object whose grant is over gives back what it took', async () => {
      const { call, level } = suite()
      const who = 'brief/gina'
      expect(await level('small-stored', who)).toEqual({ used: 1_000, pending: 0 })
      const path = `/v1/objects/media/${left().settledKey}`
      expect((await call('DELETE', path, undefined, { who })).status).toBe(204)
      const stored = async () => (await level('small-stored', who)).used
      await until('it is credited', async () => (await stored()) === 0)
      expect((await call('DELETE', path, undefined, { who })).status).toBe(204)
      expect(await level('small-stored', who)).toEqual({ used: 0, pending: 0 })
    })
  })
}
