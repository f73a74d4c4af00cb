import { expect } from 'vitest'
import type { ErrorCode } from '../../src/errors.ts'
import type { MemoryLedger } from '../../src/ledger/memory.ts'
import type { TestGateway } from './test-gateway.ts'

/** What a refusal must be. */
export interface Refusal {
  readonly status: number
  readonly code: ErrorCode
}

/** What must not change by a refusal; take it before the request. */
export interface Before {
  readonly ledger: string
  readonly storeCalls: number
}

const LEAKS = [/X-Amz-Signature/i, /\bat [\w.<>]+ \(/, /node_modules/, /\/src\//]

/** The ledger's whole state and the number of store calls so far. */
export function stateOf(gateway: TestGateway, storeCalls = 0): Before {
  const { subjects } = gateway.context.ledger as MemoryLedger
  const sorted = [...subjects()].sort(([a], [b]) => (a < b ? -1 : 1))
  return { ledger: JSON.stringify(sorted), storeCalls }
}

/**
 * A refusal in full: status and code, problem+json with a request id, `Retry-After` exactly where
 * waiting heals, nothing signed or leaked in body, headers and log, and, with `before`, a ledger that
 * has not changed by one byte. Returns the problem.
 */
export async function expectRefused(
  response: Response,
  { status, code }: Refusal,
  { gateway, before }: { gateway?: TestGateway; before?: Before } = {},
): Promise<Record<string, unknown>> {
  const text = await response.text()
  expect({ status: response.status, body: text }).toMatchObject({ status })
  expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/)
  const problem = JSON.parse(text)
  expect(problem).toMatchObject({
    status,
    code,
    type: expect.any(String),
    title: expect.any(String),
  })
  expect(problem.requestId).toBe(response.headers.get('x-request-id'))
  expect(problem.requestId).toMatch(/^[A-Za-z0-9._-]{8,64}$/)
  expect(response.headers.get('cache-control')).toBe('no-store')
  expect(response.headers.get('x-content-type-options')).toBe('nosniff')
  if (status === 429 || status === 503 || status === 507) {
    expect(response.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
  } else {
    expect(response.headers.has('retry-after')).toBe(false)
  }
  if (status === 401) expect(response.headers.get('www-authenticate')).toBe('Bearer')
  const headers = JSON.stringify([...response.headers])
  for (const leak of LEAKS) {
    expect(text).not.toMatch(leak)
    expect(headers).not.toMatch(leak)
  }
  if (gateway !== undefined) {
    for (const line of gateway.log) {
      for (const leak of [...LEAKS, /signet_[A-Za-z0-9]+_/]) expect(line).not.toMatch(leak)
    }
    if (before !== undefined) expect(stateOf(gateway).ledger).toBe(before.ledger)
  }
  return problem
}
