import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'

/** A key pair of a store. */
export interface StoreCredential {
  accessKeyId: string
  secretAccessKey: string
}

/** A store is not installed here and cannot be; `reason` is one line for people. */
export interface Unavailable {
  kind: 'unavailable'
  reason: string
}

/** A script of this folder that serves a store, owned by this process and gone with it. */
export interface StoreScript {
  kind: 'serving'
  /** Writes a command to the script, and resolves when it says that it is done. */
  tell(command: string): Promise<void>
  /** Ends the store and removes its folder. Repeating it is safe. */
  close(): Promise<void>
}

type Script = ChildProcessByStdio<Writable, Readable, Readable>

// Exit codes of the scripts.
const CANNOT_BE_HAD = 3
const PORT_HELD = 4
const MAX_PORT_DRAWS = 5

/**
 * Runs `file` until its store serves; `draw` answers the script's environment, with free ports of
 * its own, and is asked again when somebody else took one of them. Throws when the store is
 * installed and does not start.
 */
export async function openStoreScript(
  file: string,
  draw: () => Promise<Readonly<Record<string, string>>>,
): Promise<StoreScript | Unavailable> {
  for (let draws = 1; draws <= MAX_PORT_DRAWS; draws += 1) {
    const script = startScript(file, await draw())
    const ended = await readyOrEnded(script)
    if (ended === undefined) {
      return {
        kind: 'serving',
        tell: (command) => tellScript(script, command),
        close: () => closeScript(script),
      }
    }
    if (ended.code === CANNOT_BE_HAD) return { kind: 'unavailable', reason: ended.said }
    if (ended.code !== PORT_HELD) throw new Error(`Cannot start ${file}: ${ended.said}`)
  }
  throw new Error(`Cannot start ${file}: ${MAX_PORT_DRAWS} draws met no free ports`)
}

/**
 * The script serves until its stdin closes, and that happens when we close it or when this process
 * ends in whatever way: the kernel closes the pipe. It has a session of its own (`detached`), so
 * that neither Ctrl-C nor a signal to our process group ends it before it has cleaned up.
 */
function startScript(file: string, environment: Readonly<Record<string, string>>): Script {
  const path = fileURLToPath(new URL(file, import.meta.url))
  return spawn('bash', [path, 'run'], {
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  })
}

/** Resolves with nothing once the store serves, else with how the script ended. */
async function readyOrEnded(
  script: Script,
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

async function tellScript(script: Script, command: string): Promise<void> {
  const said = readyOrEnded(script)
  script.stdin.write(`${command}\n`)
  const ended = await said
  if (ended !== undefined) throw new Error(`Cannot ${command} the store: ${ended.said}`)
}

async function closeScript(script: Script): Promise<void> {
  if (script.exitCode !== null || script.signalCode !== null) return
  const closed = once(script, 'close')
  script.stdin.end()
  await closed
}
