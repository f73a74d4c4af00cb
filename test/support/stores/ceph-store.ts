import { randomBytes, randomInt, randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, PORT_MAX, PORT_MIN } from '../free-port.ts'
import { openStoreScript, type StoreCredential, type Unavailable } from './store-script.ts'

/** A running Ceph RGW, owned by this process and gone with it. */
export interface CephStore {
  kind: 'ceph'
  /** `http://127.0.0.1:<port>`, path style. */
  endpoint: string
  region: string
  /** One user's three keys: `write` cannot GET, HEAD or LIST, `read` cannot write. */
  credentials: { main: StoreCredential; write: StoreCredential; read: StoreCredential }
  /** What its own tools are told by `-c`, as `client.rgw`. */
  configFile: string
  /** Ends the daemons and removes their folder. Repeating it is safe. */
  close(): Promise<void>
}

const OSD_PORTS = 32

/**
 * Starts a Ceph of its own on free loopback ports; installs it first when it is missing and we are
 * root. 1 to 3 s, some 20 s with the installation. Throws when an installed Ceph does not start.
 */
export async function openCephStore(): Promise<CephStore | Unavailable> {
  const opened = await openKillableCeph()
  return opened.kind === 'unavailable' ? opened : opened.ceph
}

/** A Ceph whose S3 server can be killed, and comes back at the same address with all that it had. */
export interface KillableCeph {
  kind: 'killable'
  ceph: CephStore
  /** Kills it outright: connections break, and new ones are refused. */
  kill(): Promise<void>
  /** Starts it again, and resolves when it answers. */
  revive(): Promise<void>
}

/** The same as `openCephStore`, for a test that kills it. */
export async function openKillableCeph(): Promise<KillableCeph | Unavailable> {
  const credentials = { main: newCredential(), write: newCredential(), read: newCredential() }
  let rgwPort = 0
  let root = ''
  const script = await openStoreScript('./ceph.sh', async () => {
    rgwPort = await freePort()
    root = join(tmpdir(), `signet-ceph-${randomUUID()}`)
    return { CEPH_ROOT: root, ...keysOf(credentials), ...portsOf(rgwPort, await freePort()) }
  })
  if (script.kind === 'unavailable') return script
  const endpoint = `http://127.0.0.1:${rgwPort}`
  const configFile = join(root, 'ceph.conf')
  const { close, tell } = script
  return {
    kind: 'killable',
    ceph: { kind: 'ceph', endpoint, region: 'default', credentials, configFile, close },
    kill: () => tell('kill'),
    revive: () => tell('revive'),
  }
}

function newCredential(): StoreCredential {
  return {
    accessKeyId: randomBytes(10).toString('hex').toUpperCase(),
    secretAccessKey: randomBytes(20).toString('hex'),
  }
}

function keysOf({ main, write, read }: CephStore['credentials']) {
  return {
    CEPH_MAIN_KEY: main.accessKeyId,
    CEPH_MAIN_SECRET: main.secretAccessKey,
    CEPH_WRITE_KEY: write.accessKeyId,
    CEPH_WRITE_SECRET: write.secretAccessKey,
    CEPH_READ_KEY: read.accessKeyId,
    CEPH_READ_SECRET: read.secretAccessKey,
  }
}

function portsOf(rgwPort: number, monPort: number) {
  const osdPortMin = randomInt(PORT_MIN, PORT_MAX - OSD_PORTS)
  return {
    RGW_PORT: String(rgwPort),
    MON_PORT: String(monPort),
    OSD_PORT_MIN: String(osdPortMin),
    OSD_PORT_MAX: String(osdPortMin + OSD_PORTS - 1),
  }
}
