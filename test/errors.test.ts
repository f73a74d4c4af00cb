import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ERRORS, type ErrorEntry, GatewayError } from '../src/errors.ts'

const page = readFileSync(join(import.meta.dirname, '..', 'ERRORS.md'), 'utf8')
const rows = [...page.matchAll(/^\| `(\w+)` \| ([\d, ]+) \|/gm)].map(
  ([, code = '', statuses = '']) => ({
    code,
    statuses: statuses.split(',').map(Number),
  }),
)

describe('the table of errors', () => {
  it('has a row in ERRORS.md for every code, and no other row', () => {
    const listed = rows.map(({ code }) => code)
    expect(new Set(listed)).toEqual(new Set(Object.keys(ERRORS)))
    expect(listed.length).toBe(Object.keys(ERRORS).length)
  })

  it('has the statuses that ERRORS.md says', () => {
    for (const { code, statuses } of rows) {
      const entry: ErrorEntry = ERRORS[code as keyof typeof ERRORS]
      const both = [entry.status, entry.statusIfWaitingHeals].filter(
        (status) => status !== undefined,
      )
      expect({ code, statuses: both }).toEqual({ code, statuses })
    }
  })

  it('gives every code that waiting heals a Retry-After of its own', () => {
    const lacking = Object.entries(ERRORS as Record<string, ErrorEntry>)
      .filter(
        ([, { status, retryAfterSeconds }]) =>
          [429, 503].includes(status) && retryAfterSeconds === undefined,
      )
      .map(([code]) => code)
    expect(lacking).toEqual([])
  })

  it('answers 429 for a quota that waiting heals and 403 for one that it does not', () => {
    expect(new GatewayError('QuotaExceeded', 'x', { waitingHeals: true }).status).toBe(429)
    expect(new GatewayError('QuotaExceeded', 'x', { waitingHeals: false }).status).toBe(403)
  })
})
