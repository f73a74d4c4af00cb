import { describe, expect, it } from 'vitest'
import { createLogger } from '../src/log.ts'
import { TestClock } from './support/test-clock.ts'

describe('a line of the log', () => {
  const key = `signet_acmealice_${'k'.repeat(43)}_0aZ19b`
  const token = `eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.${'c'.repeat(86)}`
  const lineOf = (text: string) => {
    const lines: string[] = []
    createLogger({ write: (line) => lines.push(line), clock: new TestClock() }).info('x', { text })
    return lines.join('')
  }

  it.each([
    ['an API key', key, '[api key]'],
    ['a token', token, '[token]'],
    ['a bearer', 'Bearer abc', 'Bearer [secret]'],
    ['a signed URL', `https://s3.example/k?X-Amz-Signature=${'ab'.repeat(32)}`, '[signed url]'],
  ])('L01 has no %s, nor half of one where the text is cut', (_, secret, shown) => {
    expect(lineOf(`before ${secret} after`)).toContain(`before ${shown} after`)
    for (let left = 1; left < secret.length; left += 1) {
      const line = lineOf(`${'-'.repeat(1_999 - left)} ${secret} after`)
      expect(line).not.toContain(secret.slice(0, Math.max(left, 12)).slice(-10))
    }
  })

  it('L01 is cut where it is long', () => {
    expect(lineOf('-'.repeat(2_000))).toContain(`"${'-'.repeat(2_000)}"`)
    expect(lineOf('-'.repeat(2_001))).toContain(`"${'-'.repeat(2_000)}…"`)
  })

  it('has its own time, level and name, whatever its fields are called', () => {
    const lines: string[] = []
    const clock = new TestClock()
    const log = createLogger({ write: (line) => lines.push(line), clock })
    log.error('own', { why: 'x', event: 'other', level: 'debug', time: 'never' })
    const time = new Date(clock.nowMs()).toISOString()
    expect(lines.join('')).toBe(`{"time":"${time}","level":"error","event":"own","why":"x"}\n`)
  })
})
