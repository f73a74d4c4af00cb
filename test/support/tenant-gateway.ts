import { readFile, writeFile } from 'node:fs/promises'
import { createApiKey, hashApiKey } from '../../src/auth/api-key.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { Secret } from '../../src/secret.ts'
import { type PreparedGateway, prepareGateway } from './gateway-process.ts'
import { TEST_PEPPER } from './test-config.ts'
import type { TestGatewayOptions } from './test-gateway.ts'
import type { Caller } from './upload-load.ts'

/** A prepared gateway of many tenants, each with one user named alice. */
export interface PreparedTenants extends PreparedGateway {
  /** API keys by tenant. */
  readonly keys: ReadonlyMap<string, string>
}

/** Writes a configuration into a folder, as `prepareGateway` does, for these tenants. */
export async function prepareTenants(
  directory: string,
  tenants: readonly string[],
  options: TestGatewayOptions = {},
  where: Parameters<typeof prepareGateway>[2] = {},
): Promise<PreparedTenants> {
  const prepared = await prepareGateway(directory, options, where)
  const settings = JSON.parse(await readFile(prepared.file, 'utf8'))
  const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))
  const keys = new Map<string, string>()
  for (const tenant of tenants) {
    const secret = createApiKey(random, tenant)
    const hash = hashApiKey(nodeHashing, { version: 1, secret: new Secret(TEST_PEPPER) }, secret)
    const [allow] = settings.tenants.acme.keys[0].allow
    const own = { ...allow, prefix: `${tenant}/alice/` }
    settings.tenants[tenant] = {
      ...settings.tenants.acme,
      keys: [{ id: tenant, user: 'alice', hash, allow: [own] }],
    }
    keys.set(tenant, secret.reveal())
  }
  await writeFile(prepared.file, JSON.stringify(settings))
  return { ...prepared, keys }
}

/** Calls as alice of a tenant: the key of a body moves from acme's key space to the tenant's own. */
export function asTenant(call: Caller, { keys }: PreparedTenants, tenant: string): Caller {
  const authorization = `Bearer ${keys.get(tenant)}`
  return (method, path, body, headers = {}) => {
    const { key } = (body ?? {}) as { readonly key?: string }
    const own = key?.replace(/^acme\//, `${tenant}/`)
    const moved = own === undefined ? body : { ...(body as object), key: own }
    return call(method, path, moved, { authorization, ...headers })
  }
}
