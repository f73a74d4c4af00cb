import { randomBytes } from 'node:crypto'
import { freePort } from '../free-port.ts'
import { openStoreScript, type StoreCredential, type Unavailable } from './store-script.ts'

/** A running OpenStack Swift with s3api, owned by this process and gone with it. */
export interface SwiftStore {
  kind: 'swift'
  /** `http://127.0.0.1:<port>`, path style. */
  endpoint: string
  /** Checked: another one is 400. */
  region: string
  credentials: { main: StoreCredential }
  /** Ends the servers and removes their folder. Repeating it is safe. */
  close(): Promise<void>
}

/** Settings of a Swift that differ from one operator to the next. */
export interface SwiftOptions {
  /** Largest part number, 1 to 10,000. Default 10,000; Swift's own default is 1,000. */
  readonly maxParts?: number
  /**
   * Origins whose preflights are answered, for any method and header; there is no API for it.
   * Default none. The answer to the request itself then still has no CORS header.
   */
  readonly origins?: readonly string[]
}

/**
 * Starts a Swift of its own on free loopback ports; installs it first when it is missing and we are
 * root. 1 to 3 s, some 30 s with the installation. Throws when an installed Swift does not start.
 */
export async function openSwiftStore(
  options: SwiftOptions = {},
): Promise<SwiftStore | Unavailable> {
  const main = {
    accessKeyId: 'test:tester', // tempauth's form, `<account>:<user>`
    secretAccessKey: randomBytes(20).toString('hex'),
  }
  let proxyPort = 0
  const script = await openStoreScript('./swift.sh', async () => {
    proxyPort = await freePort()
    return {
      SWIFT_PROXY_PORT: String(proxyPort),
      SWIFT_OBJECT_PORT: String(await freePort()),
      SWIFT_CONTAINER_PORT: String(await freePort()),
      SWIFT_ACCOUNT_PORT: String(await freePort()),
      SWIFT_MEMCACHED_PORT: String(await freePort()),
      SWIFT_KEY: main.accessKeyId,
      SWIFT_SECRET: main.secretAccessKey,
      SWIFT_MAX_PARTS: String(options.maxParts ?? 10_000),
      SWIFT_ORIGINS: (options.origins ?? []).join(','),
    }
  })
  if (script.kind === 'unavailable') return script
  const endpoint = `http://127.0.0.1:${proxyPort}`
  return {
    kind: 'swift',
    endpoint,
    region: 'us-east-1',
    credentials: { main },
    close: script.close,
  }
}
