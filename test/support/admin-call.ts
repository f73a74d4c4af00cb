import { TEST_ADMIN_TOKEN } from './test-config.ts'
import type { TestGateway } from './test-gateway.ts'

/** A POST to the admin API with the admin token and a JSON body. */
export async function postAdmin(
  { admin }: Pick<TestGateway, 'admin'>,
  path: string,
  body: unknown,
): Promise<Response> {
  return admin.request(path, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${TEST_ADMIN_TOKEN}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify(body),
  })
}

/** A request to the admin API with the admin token; with a JSON body where one is given. */
export async function callAdmin(
  { admin }: Pick<TestGateway, 'admin'>,
  method: string,
  path: string,
  { body, headers }: { body?: unknown; headers?: Readonly<Record<string, string>> } = {},
): Promise<Response> {
  return admin.request(`/admin/v1/${path}`, {
    method,
    headers: {
      authorization: `Bearer ${TEST_ADMIN_TOKEN}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
}
