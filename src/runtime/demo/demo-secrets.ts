import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createApiKey, hashApiKey } from '../../auth/api-key.ts'
import { toBase64Url } from '../../hashing.ts'
import { Secret } from '../../secret.ts'
import { nodeHashing } from '../node-hashing.ts'

/** Secrets of the demo: made once, kept beside its data, so that a restart changes none of them. */
export interface DemoSecrets {
  readonly adminToken: string
  readonly apiKey: string
  readonly keyHash: string
}

const SECRET_BYTES = 32

/** Reads the demo's secrets from its folder, or makes them there, readable by the owner alone. */
export function demoSecrets(directory: string): DemoSecrets {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))
  const fresh = () => toBase64Url(random(SECRET_BYTES))
  const pepper = keptText(join(directory, 'pepper'), fresh)
  keptText(join(directory, 'ticket.key'), fresh)
  const adminToken = keptText(join(directory, 'admin.token'), fresh)
  const apiKey = keptText(join(directory, 'api.key'), () => createApiKey(random, 'demo').reveal())
  const keyHash = hashApiKey(
    nodeHashing,
    { version: 1, secret: new Secret(pepper) },
    new Secret(apiKey),
  )
  return { adminToken, apiKey, keyHash }
}

function keptText(path: string, make: () => string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOENT') throw error
    const text = make()
    writeFileSync(path, `${text}\n`, { mode: 0o600 })
    return text
  }
}
