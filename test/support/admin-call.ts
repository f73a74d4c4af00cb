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
