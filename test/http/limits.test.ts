import { afterEach, describe, expect, it } from 'vitest'
import { expectRefused } from '../support/expect-refused.ts'
import { TestClock } from '../support/test-clock.ts'
import { openTestGateway, type TestGateway, uploadBody } from '../support/test-gateway.ts'

const SLOW_DOWN = { status: 429, code: 'SlowDown' } as const
const WAIT = { status: 429, code: 'QuotaExceeded' } as const
const NEVER = { status: 403, code: 'QuotaExceeded' } as const

let gateway: TestGateway
afterEach(() => gateway.close())

const rate = { policy: 'rate', per: 'user', requests: 2, windowSeconds: 3, burst: 1 }
const day = { policy: 'day', per: 'user', unit: 'bytes', limit: 1_500, window: 'day' }
const stored = { policy: 'stored', per: 'tenant', unit: 'stored-bytes', limit: 1_500 }
const slots = { policy: 'slots', per: 'user', unit: 'pending-uploads', limit: 1 }

const post = (changes = {}) => gateway.call('POST', '/v1/uploads', uploadBody(changes))

/** The items of a RateLimit field, by policy: `r`, `t` and the like. */
function fieldOf(answer: Response, name: string): Record<string, Record<string, string>> {
  const items = (answer.headers.get(name) ?? '').split(', ').map((item) => {
    const [policy = '', ...parameters] = item.split(';')
    return [
      policy.replaceAll('"', ''),
      Object.fromEntries(parameters.map((each) => each.split('=') as [string, string])),
    ] as const
  })
  return Object.fromEntries(items)
}

describe('RateLimit fields', () => {
  it('201: name every limit with its quota, unit, window, rest and reset', async () => {
    gateway = await openTestGateway({ plan: { rates: [rate], quotas: [day, stored, slots] } })
    const answer = await post()
    expect(answer.status).toBe(201)
    expect(fieldOf(answer, 'ratelimit-policy')).toEqual({
      rate: { q: '2', qu: '"requests"', w: '3' },
      day: { q: '1500', qu: '"content-bytes"', w: '86400' },
      slots: { q: '1', qu: '"concurrent-requests"' },
      stored: { q: '1500', qu: '"content-bytes"' },
    })
    expect(fieldOf(answer, 'ratelimit')).toEqual({
      rate: { r: '0', t: '2' },
      day: { r: '500', t: String(12 * 3_600) },
      slots: { r: '0' },
      stored: { r: '500' },
    })
    expect(answer.headers.has('retry-after')).toBe(false)
  })

  it('429: a rate waits as long as Retry-After says, rounded up: early is refused, then it fits', async () => {
    const clock = new TestClock()
    gateway = await openTestGateway({ clock, plan: { rates: [rate], quotas: [] } })
    expect((await post()).status).toBe(201)
    const refused = await post({ key: 'acme/alice/b' })
    const fields = fieldOf(refused, 'ratelimit')
    expect(refused.headers.get('retry-after')).toBe('2')
    const { violations } = await expectRefused(refused, SLOW_DOWN, { gateway })
    expect(violations).toMatchObject([{ policy: 'rate', retryAfterSeconds: 2 }])
    expect(fields).toEqual({ rate: { r: '0', t: '2' } })
    clock.advance(1_499)
    expect((await post({ key: 'acme/alice/b' })).status).toBe(429)
    clock.advance(1)
    expect((await post({ key: 'acme/alice/b' })).status).toBe(201)
  })

  it('429: a window waits until its end, and so does `t`', async () => {
    const clock = new TestClock()
    gateway = await openTestGateway({ clock, plan: { quotas: [day] } })
    expect((await post()).status).toBe(201)
    clock.advance(500)
    const refused = await post({ key: 'acme/alice/b' })
    expect(refused.headers.get('retry-after')).toBe(String(12 * 3_600))
    expect(fieldOf(refused, 'ratelimit')).toEqual({ day: { r: '500', t: String(12 * 3_600) } })
    await expectRefused(refused, WAIT, { gateway })
    clock.advance(12 * 3_600_000 - 501)
    expect((await post({ key: 'acme/alice/b' })).status).toBe(429)
    clock.advance(1)
    expect((await post({ key: 'acme/alice/b' })).status).toBe(201)
  })

  it('429: Retry-After is the latest of several; the others keep their own reset', async () => {
    gateway = await openTestGateway({ plan: { rates: [rate], quotas: [day, slots] } })
    expect((await post()).status).toBe(201)
    const refused = await post({ key: 'acme/alice/b' })
    const wait = String(12 * 3_600)
    expect(refused.headers.get('retry-after')).toBe(wait)
    expect(fieldOf(refused, 'ratelimit')).toEqual({
      rate: { r: '0', t: '2' },
      day: { r: '500', t: wait },
      slots: { r: '0', t: '5' },
    })
    const { violations } = await expectRefused(refused, WAIT, { gateway })
    expect(violations).toHaveLength(3)
  })

  it('403: a total, or more than a whole limit: fields as they are, no Retry-After', async () => {
    gateway = await openTestGateway({ plan: { rates: [rate], quotas: [day, stored] } })
    const tooLarge = await post({ sizeBytes: 1_501 })
    expect(fieldOf(tooLarge, 'ratelimit')).toMatchObject({
      day: { r: '1500' },
      stored: { r: '1500' },
    })
    await expectRefused(tooLarge, NEVER, { gateway })
    expect((await post({ sizeBytes: 1_500 })).status).toBe(201)
    gateway.clock.advance(86_400_000)
    const full = await post({ key: 'acme/alice/b', sizeBytes: 1 })
    expect(fieldOf(full, 'ratelimit')).toMatchObject({ stored: { r: '0' } })
    await expectRefused(full, NEVER, { gateway })
  })

  it('429: downloads, lists and deletes have them, too', async () => {
    gateway = await openTestGateway({ plan: { rates: [rate], quotas: [] } })
    const download = { bucket: 'media', key: 'acme/alice/cat.jpg' }
    expect((await gateway.call('POST', '/v1/downloads', download)).status).toBe(200)
    for (const [method, path, body] of [
      ['POST', '/v1/downloads', download],
      ['GET', '/v1/objects/media', undefined],
      ['GET', '/v1/objects/media/acme/alice/cat.jpg', undefined],
      ['DELETE', '/v1/objects/media/acme/alice/cat.jpg', undefined],
    ] as const) {
      const refused = await gateway.call(method, path, body)
      expect(fieldOf(refused, 'ratelimit')).toEqual({ rate: { r: '0', t: '2' } })
      await expectRefused(refused, SLOW_DOWN, { gateway })
    }
  })

  it('none where no limit spoke: 400, 401, a forbidden bucket, and a plan without limits', async () => {
    gateway = await openTestGateway({ plan: { quotas: [] } })
    const answers = [
      await post(),
      await post({ x: 1 }),
      await post({ bucket: 'other' }),
      await gateway.app.request('/v1/uploads', { method: 'POST' }),
    ]
    expect(answers.map(({ status }) => status)).toEqual([201, 400, 403, 401])
    for (const { headers } of answers) {
      expect([...headers.keys()].filter((name) => name.startsWith('ratelimit'))).toEqual([])
    }
  })
})
