import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { randomBytes, randomInt } from 'node:crypto'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { freePort, PORT_MAX, PORT_MIN } from '../free-port.ts'

/** A key pair of a store. */
export interface StoreCredential {
  accessKeyId: string
  secretAccessKey: string
}

/** A running Ceph RGW, owned by this process and gone with it. */
export interface CephStore {
  kind: 'ceph'
  /** `http://127.0.0.1:<port>`, path style. */
  endpoint: string
  region: string
  /** One user's three keys: `write` cannot GET, HEAD or LIST, `read` cannot write. */
  credentials: { main: StoreCredential; write: StoreCredential; read: StoreCredential }
  /** Ends the daemons and removes their folder. Repeating it is safe. */
  close(): Promise<void>
}

/** Ceph is not installed here and cannot be; `reason` is one line for people. */
export interface Unavailable {
  kind: 'unavailable'
  reason: string
}

const OSD_PORTS = 32
// Exit codes of ceph.sh.
const CANNOT_BE_HAD = 3
const PORT_HELD = 4
const MAX_PORT_DRAWS = 5

type CephScript = ChildProcessByStdio<Writable, Readable, Readable>

/**
 * Starts a Ceph of its own on free loopback ports; installs it first when it is missing and we are
 * root. 1 to 3 s, some 20 s with the installation. Throws when an installed Ceph does not start.
 */
export async function openCephStore(): Promise<CephStore | Unavailable> {
  const credentials = { main: newCredential(), write: newCredential(), read: newCredential() }
  for (let draw = 1; draw <= MAX_PORT_DRAWS; draw += 1) {
    const rgwPort = await freePort()
    const script = startScript(credentials, rgwPort, await freePort())
    const ended = await readyOrEnded(script)
    if (ended === undefined) {
      const endpoint = `http://127.0.0.1:${rgwPort}`
      const close = () => closeScript(script)
      return { kind: 'ceph', endpoint, region: 'default', credentials, close }
    }
    if (ended.code === CANNOT_BE_HAD) return { kind: 'unavailable', reason: ended.said }
    if (ended.code !== PORT_HELD) throw new Error(`Cannot start Ceph: ${ended.said}`)
  }
  throw new Error(`Cannot start Ceph: ${MAX_PORT_DRAWS} draws met no free ports`)
}

function newCredential(): StoreCredential {
  return {
    accessKeyId: randomBytes(10).toString('hex').toUpperCase(),
    secretAccessKey: randomBytes(20).toString('hex'),
  }
}

/**
 * The script serves until its stdin closes, and that happens when we close it or when this process
 * ends in whatever way: the kernel closes the pipe. It has a session of its own (`detached`), so
 * that neither Ctrl-C nor a signal to our process group ends it before it has cleaned up.
 */
function startScript(
  { main, write, read }: CephStore['credentials'],
  rgwPort: number,
  monPort: number,
): CephScript {
  const osdPortMin = randomInt(PORT_MIN, PORT_MAX - OSD_PORTS)
  const path = fileURLToPath(new URL('./ceph.sh', import.meta.url))
  const { CEPH_ROOT: _, ...environment } = process.env
  return spawn('bash', [path, 'run'], {
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      ...environment,
      RGW_PORT: String(rgwPort),
      MON_PORT: String(monPort),
      OSD_PORT_MIN: String(osdPortMin),
      OSD_PORT_MAX: String(osdPortMin + OSD_PORTS - 1),
      CEPH_MAIN_KEY: main.accessKeyId,
      CEPH_MAIN_SECRET: main.secretAccessKey,
      CEPH_WRITE_KEY: write.accessKeyId,
      CEPH_WRITE_SECRET: write.secretAccessKey,
      CEPH_READ_KEY: read.accessKeyId,
      CEPH_READ_SECRET: read.secretAccessKey,
    },
  })
}

/** Resolves with nothing once the store serves, else with how the script ended. */
async function readyOrEnded(
  script: CephScript,
): Promise<{ code: number | null; said: string } | undefined> {
  let said = ''
  script.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const ready = once(script.stdout, 'data').then(() => undefined)
  const ended = once(script, 'close').then(([code]: unknown[]) => ({
    code: typeof code === 'number' ? code : null,
    said: said.trim(),
  }))
  return await Promise.race([ready, ended])
}

async function closeScript(script: CephScript): Promise<void> {
  if (script.exitCode !== null || script.signalCode !== null) return
  const closed = once(script, 'close')
  script.stdin.end()
  await closed
}
