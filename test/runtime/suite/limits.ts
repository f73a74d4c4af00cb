import { describe, expect, it } from 'vitest'
import { expectRefused } from '../../support/expect-refused.ts'
import { type GatewayUnderTest, put, uploadBody } from './gateway-under-test.ts'
import { COUNTED_OBJECTS, SLOW_REQUESTS, SMALL_BYTES } from './settings.ts'

/** What holds of quotas and rates, each met at its exact edge. */
export function describeLimits(suite: () => GatewayUnderTest): void {
  describe('limits', () => {
    it('201, 429: of 40 uploads at once for 10 places exactly 10 are granted', async () => {
      const { call, level } = suite()
      const who = 'acme/counted'
      const answers = await Promise.all(
        Array.from({ length: 4 * COUNTED_OBJECTS }, (_, index) =>
          call('POST', '/v1/uploads', uploadBody(`${who}/${index}`), { who }),
        ),
      )
      const count = (status: number) => answers.filter((each) => each.status === status).length
      expect([count(201), count(429)]).toEqual([COUNTED_OBJECTS, 3 * COUNTED_OBJECTS])
      expect(await level('counted-objects', who)).toEqual({ used: 0, pending: COUNTED_OBJECTS })
      const refused = await call('POST', '/v1/uploads', uploadBody(`${who}/more`), { who })
      const { violations } = await expectRefused(refused, { status: 429, code: 'QuotaExceeded' })
      expect(violations).toEqual([
        {
          policy: 'counted-objects',
          unit: 'objects',
          limit: COUNTED_OBJECTS,
          used: 0,
          pending: COUNTED_OBJECTS,
          requested: 1,
          retryAfterSeconds: expect.any(Number),
        },
      ])
    })

    it('200, 429: a rate lets its burst through and tells when the next one may come', async () => {
      const { call } = suite()
      const who = 'acme/slow'
      const wanted = { bucket: 'media', key: `${who}/x` }
      const answers = await Promise.all(
        Array.from({ length: 4 * SLOW_REQUESTS }, () =>
          call('POST', '/v1/downloads', wanted, { who }),
        ),
      )
      const count = (status: number) => answers.filter((each) => each.status === status).length
      expect([count(200), count(429)]).toEqual([SLOW_REQUESTS, 3 * SLOW_REQUESTS])
      const refused = await call('POST', '/v1/downloads', wanted, { who })
      // One request in 1,200 seconds, of which the test has used up a few.
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(1_000)
      expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(1_200)
      expect(refused.headers.get('ratelimit')).toContain('"slow-requests";r=0')
      const { violations } = await expectRefused(refused, { status: 429, code: 'SlowDown' })
      expect(violations).toMatchObject([{ policy: 'slow-requests', unit: 'requests' }])
    })

    it('403: a stored total is exact over all users of a tenant', async () => {
      const { call, complete, create, level } = suite()
      const dora = { who: 'small/dora' }
      const erik = { who: 'small/erik' }
      const half = { sizeBytes: SMALL_BYTES / 2 }
      const upload = await create('half', half, dora)
      expect(await put(upload, new Uint8Array(half.sizeBytes))).toBe(200)
      expect((await complete(upload.id, {}, dora)).status).toBe(200)
      expect(await level('small-stored', 'small/erik')).toEqual({ used: 1_500, pending: 0 })
      const over = uploadBody('small/erik/over', { sizeBytes: half.sizeBytes + 1 })
      const refused = await call('POST', '/v1/uploads', over, erik)
      const { violations } = await expectRefused(refused, { status: 403, code: 'QuotaExceeded' })
      expect(violations).toMatchObject([{ policy: 'small-stored', used: 1_500, requested: 1_501 }])
      await create('rest', half, erik)
      const byte = uploadBody('small/dora/byte', { sizeBytes: 1 })
      const full = await call('POST', '/v1/uploads', byte, dora)
      await expectRefused(full, { status: 403, code: 'QuotaExceeded' })
    })

    it('403, 429: bytes of one user are not those of another, and a refusal names every limit', async () => {
      const { call, level } = suite()
      expect(await level('small-bytes', 'small/dora')).toEqual({ used: 1_500, pending: 0 })
      const body = uploadBody('small/dora/many', { sizeBytes: 1_600 })
      const refused = await call('POST', '/v1/uploads', body, { who: 'small/dora' })
      const { violations } = await expectRefused(refused, { status: 403, code: 'QuotaExceeded' })
      expect(new Set((violations as { policy: string }[]).map(({ policy }) => policy))).toEqual(
        new Set(['small-bytes', 'small-stored']),
      )
      expect(await level('small-bytes', 'small/erik')).toEqual({ used: 0, pending: 1_500 })
    })

    it('200: usage names every limit of the caller and of its tenant', async () => {
      const answer = await suite().call('GET', '/v1/usage', undefined, { who: 'acme/idle' })
      const usage = (await answer.json()) as { limits: { policy: string; unit: string }[] }
      expect(answer.status).toBe(200)
      expect(usage).toMatchObject({ tenant: 'acme', user: 'idle' })
      expect(new Set(usage.limits.map(({ policy, unit }) => `${policy} ${unit}`))).toEqual(
        new Set([
          'tenant-stored stored-bytes',
          'user-bytes-day bytes',
          'user-pending pending-uploads',
          'user-requests requests',
        ]),
      )
    })
  })
}
