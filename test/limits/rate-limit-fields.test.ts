import { describe, expect, it } from 'vitest'
import { limitStatuses } from '../../src/limits/limit-report.ts'
import { rateLimitFields } from '../../src/limits/rate-limit-fields.ts'
import { compiled, measured, NOW_MS, quota, rate } from './limit-fixture.ts'

/** Fields for limits of which nothing is used, or what `levels` says. */
function fieldsOf(
  limits: Parameters<typeof compiled>[0],
  levels: number[],
  waits?: Map<string, number>,
) {
  const set = compiled(limits)
  const statuses = limitStatuses(set, measured(set), levels, NOW_MS, false)
  return rateLimitFields(set, statuses, NOW_MS, waits)
}

describe('the RateLimit fields', () => {
  it('say quota, unit and window; what is left and when it is as new', () => {
    const fields = fieldsOf({ quotas: [quota({ limit: 10_737_418_240 })] }, [1_000, 345])
    expect(fields).toEqual({
      'ratelimit-policy': '"user-bytes-day";q=10737418240;qu="content-bytes";w=86400',
      ratelimit: '"user-bytes-day";r=10737416895;t=43200',
    })
  })

  it('round t of a rate up to the very second its whole burst is back, not one later', () => {
    const limits = { rates: [rate()] }
    const one = fieldsOf(limits, [59_000_000])
    expect(one).toEqual({
      'ratelimit-policy': '"user-requests";q=60;qu="requests";w=60',
      ratelimit: '"user-requests";r=59;t=1',
    })
    expect(fieldsOf(limits, [58_999_999]).ratelimit).toBe('"user-requests";r=58;t=2')
    expect(fieldsOf(limits, [60_000_000]).ratelimit).toBe('"user-requests";r=60;t=0')
  })

  it('equal Retry-After for a limit that refused', () => {
    const waits = new Map([['user-requests', 1]])
    expect(fieldsOf({ rates: [rate()] }, [0], waits).ratelimit).toBe('"user-requests";r=0;t=1')
  })

  it('give a total and slots no window and no reset', () => {
    const fields = fieldsOf(
      {
        quotas: [
          quota({ policy: 'stored', unit: 'stored-bytes', limit: 7 }),
          quota({ policy: 'slots', unit: 'pending-uploads', limit: 3 }),
        ],
      },
      [0, 0, 0, 4],
    )
    expect(fields).toEqual({
      'ratelimit-policy': '"stored";q=7;qu="content-bytes", "slots";q=3;qu="concurrent-requests"',
      ratelimit: '"stored";r=7, "slots";r=0',
    })
  })

  it('clamp at fifteen digits, which is where integers of the format end', () => {
    const limit = 2 ** 50
    const fields = fieldsOf({ quotas: [quota({ limit })] }, [0, 0])
    expect(fields['ratelimit-policy']).toContain(';q=999999999999999;')
    expect(fields.ratelimit).toContain(';r=999999999999999;')
    const edge = fieldsOf({ quotas: [quota({ limit })] }, [limit - 999_999_999_999_999, 1])
    expect(edge.ratelimit).toContain(';r=999999999999998;')
  })

  it('escape what a string of the format must, and are absent without limits', () => {
    const policy = 'a"b\\c'
    expect(fieldsOf({ quotas: [quota({ policy })] }, [0, 0]).ratelimit).toMatch(/^"a\\"b\\\\c";r=/)
    expect(fieldsOf({}, [])).toEqual({})
  })
})
