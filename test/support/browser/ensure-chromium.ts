import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { installPackages } from '../install-packages.ts'

/** What a test run knows of the machine's Chromium; `global-setup.ts` finds it out. */
export type SharedChromium =
  /** `executablePath`: Debian's; nothing is ever downloaded beside the package. */
  | { kind: 'chromium'; executablePath: string; version: string }
  /** Not installed and not installable; `reason` is one line for people. */
  | { kind: 'unavailable'; reason: string }

const run = promisify(execFile)

/**
 * Makes sure that Chromium is there; installs Debian's package first when it is missing and we are
 * root. No browser starts. 0.1 s, about a minute with the installation.
 */
export async function ensureChromium(): Promise<SharedChromium> {
  const found = await installed()
  if (found !== undefined) return found
  const reason = await installPackages('Chromium', ['chromium'])
  if (reason !== undefined) return { kind: 'unavailable', reason }
  const brought = await installed()
  if (brought !== undefined) return brought
  return { kind: 'unavailable', reason: 'the package chromium brings no program' }
}

async function installed(): Promise<SharedChromium | undefined> {
  const executablePath = '/usr/bin/chromium'
  try {
    const { stdout } = await run(executablePath, ['--version'])
    const version = /Chromium (\S+)/.exec(stdout)?.[1]
    return version === undefined ? undefined : { kind: 'chromium', executablePath, version }
  } catch {
    return undefined
  }
}
