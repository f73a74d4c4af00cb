import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const CLI_ENTRY = join(import.meta.dirname, '../../src/runtime/cli.ts')

it('a reader that leaves early, like head, changes neither the exit code nor what is on stderr', async () => {
  const child = spawn(process.execPath, [CLI_ENTRY, 'config', 'check', 'not-there.yaml'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child.stdout.destroy()
  let complaint = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text
  })
  const [code] = await once(child, 'close')
  expect({ code, complaint }).toEqual({ code: 1, complaint: '' })
})
