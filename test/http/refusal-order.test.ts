import { afterEach, describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/errors.ts'
import type { Refusal } from '../support/expect-refused.ts'
import { uploadBody } from '../support/test-gateway.ts'
import { openWatchedGateway, type WatchedGateway } from '../support/watched-gateway.ts'
import { replace } from './listening-gateway.ts'

let gateway: WatchedGateway
afterEach(() => gateway.close())

/** One thing that is wrong with an upload: what it changes, and what it alone is refused with. */
interface Fault {
  readonly refusal: Refusal
  readonly headers?: Readonly<Record<string, string>>
  readonly changes?: Readonly<Record<string, unknown>>
  /** Instead of JSON of the upload. */
  readonly padded?: boolean
}

// In the order of abuse-cases.md section 2, "Which refusal wins".
const FAULTS: Readonly<Record<string, Fault>> = {
  'two credentials': {
    refusal: { status: 400, code: 'AmbiguousCredentials' },
    headers: { 'x-api-key': 'x' },
  },
  'a large body': { refusal: { status: 413, code: 'RequestTooLarge' }, padded: true },
  'an unknown member': {
    refusal: { status: 400, code: 'InvalidRequest' },
    changes: { color: 'red' },
  },
  'a malformed key': {
    refusal: { status: 400, code: 'InvalidKey' },
    changes: { key: 'acme/bob/../x' },
  },
  'a forbidden bucket': {
    refusal: { status: 403, code: 'AccessDenied' },
    changes: { bucket: 'other' },
  },
  'a forbidden key': {
    refusal: { status: 403, code: 'AccessDenied' },
    changes: { key: 'acme/bob/x' },
  },
  'a type outside the list': {
    refusal: { status: 415, code: 'UnsupportedMediaType' },
    changes: { contentType: 'text/html' },
  },
  'a form that is not offered': {
    refusal: { status: 422, code: 'UnsupportedByStore' },
    changes: { mode: 'multipart' },
  },
  'no room': { refusal: { status: 403, code: 'QuotaExceeded' }, changes: { sizeBytes: 2 ** 20 } },
}

const PLAN = { quotas: [{ policy: 'q', per: 'user', unit: 'stored-bytes', limit: 2_000 }] }

/** Sends an upload with these faults; where two change one member, the first wins. */
function send(faults: readonly Fault[]): Promise<Response> {
  const changes = Object.assign({}, ...faults.map((fault) => fault.changes ?? {}).reverse())
  const headers = Object.assign({}, ...faults.map((fault) => fault.headers ?? {}))
  const text = JSON.stringify(uploadBody(changes))
  const body = faults.some(({ padded }) => padded) ? text + ' '.repeat(20_000) : text
  return gateway.call('POST', '/v1/uploads', body, { headers })
}

describe('which refusal wins', () => {
  it('each fault alone is refused as itself', async () => {
    gateway = await openWatchedGateway({ plan: PLAN })
    expect((await send([])).status).toBe(201)
    for (const [name, fault] of Object.entries(FAULTS)) {
      const { status, code } = fault.refusal
      const answer = await send([fault])
      expect([name, answer.status, (await answer.json()).code]).toEqual([name, status, code])
    }
  })

  it('of any two the earlier one wins, in either order', async () => {
    gateway = await openWatchedGateway({ plan: PLAN })
    const faults = Object.entries(FAULTS)
    for (const [index, [name, fault]] of faults.entries()) {
      for (const [later, other] of faults.slice(index + 1)) {
        const answer = await send([fault, other])
        const { status, code } = fault.refusal
        expect([name, later, answer.status, (await answer.json()).code]).toEqual([
          name,
          later,
          status,
          code,
        ])
      }
    }
  })

  it('401 comes before all that a body says, and 503 before no refusal of policy', async () => {
    gateway = await openWatchedGateway({ plan: PLAN })
    const headers = { authorization: 'Bearer nobody', 'content-type': 'application/json' }
    for (const body of ['{', ' '.repeat(20_000), JSON.stringify(uploadBody({ key: '..' }))]) {
      const answer = await gateway.app.request('/v1/uploads', { method: 'POST', headers, body })
      expect(answer.status).toBe(401)
    }
    const { ledger } = gateway.context
    const away = async (): Promise<never> => {
      throw new GatewayError('LedgerUnavailable', 'Cannot decide: the ledger is away')
    }
    replace(gateway, { ledger: { ...ledger, admit: away } })
    expect((await send([])).status).toBe(503)
    for (const fault of Object.values(FAULTS).slice(0, -1)) {
      expect((await send([fault])).status).toBe(fault.refusal.status)
    }
  })

  it('404 for an unknown route comes before 401: it tells nothing that is not public', async () => {
    gateway = await openWatchedGateway()
    expect((await gateway.app.request('/v1/nothing')).status).toBe(404)
    expect((await gateway.app.request('/v1/uploads')).status).toBe(401)
  })
})
