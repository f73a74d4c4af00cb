import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')

describe('a start', () => {
  it('leaves what it has compiled to the next one, beside what is installed', () => {
    const { status, stderr } = spawnSync(process.execPath, ['src/runtime/node.ts'], {
      cwd: ROOT,
      // Nobody has told it where, as the run of the tests tells all else.
      env: { ...process.env, NODE_COMPILE_CACHE: undefined, SIGNET_CONFIG: 'no-such-file.yaml' },
      encoding: 'utf8',
    })
    expect([status, stderr]).toEqual([1, expect.stringContaining('no-such-file.yaml')])
    const kept = readdirSync(join(ROOT, 'node_modules/.signet-compiled'), { recursive: true })
    expect(kept.length).toBeGreaterThan(100)
  })
})
