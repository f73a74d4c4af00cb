import { TEST_ADMIN_TOKEN } from '../support/test-config.ts'
import type { TestGateway } from '../support/test-gateway.ts'

/** A rule that lets a user of acme do most things in its own key space. */
export const OWN_KEYS = {
  operations: ['upload', 'download', 'list'],
  buckets: ['media'],
  prefix: '{tenant}/{user}/',
}

/** A key as the admin API shows it, with the secret where it was just made. */
export interface ShownKey {
  readonly id: string
  readonly secret?: string
  readonly secrets: readonly Readonly<Record<string, unknown>>[]
  readonly [member: string]: unknown
}

/** Calls of the admin API about keys. */
export function keyCalls({ admin, app }: Pick<TestGateway, 'admin' | 'app'>) {
  const call = async (
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Response> =>
    admin.request(`/admin/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${TEST_ADMIN_TOKEN}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  const shown = async (answer: Response, status: number): Promise<ShownKey> => {
    const text = await answer.text()
    if (answer.status !== status) throw new Error(`Answered ${answer.status}: ${text}`)
    return JSON.parse(text) as ShownKey
  }
  return {
    call,
    shown,
    /** A key of alice of acme. */
    create: async (id: string, changes: Readonly<Record<string, unknown>> = {}) => {
      const body = { id, user: 'alice', allow: [OWN_KEYS], ...changes }
      const made = await shown(await call('POST', '/tenants/acme/keys', body), 201)
      return { ...made, secret: made.secret ?? '' }
    },
    rotate: async (id: string, overlapSeconds: number) => {
      const path = `/tenants/acme/keys/${id}/rotate`
      const rotated = await shown(await call('POST', path, { overlapSeconds }), 200)
      return { ...rotated, secret: rotated.secret ?? '' }
    },
    get: async (id: string) => shown(await call('GET', `/tenants/acme/keys/${id}`), 200),
    /** Status of a call to the public API with a key. */
    status: async (secret: string, path = '/v1/usage') => {
      const headers = { authorization: `Bearer ${secret}` }
      return (await app.request(path, { headers })).status
    },
  }
}
