import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { NODE_ENTRY, prepareGateway, startChild } from '../support/gateway-process.ts'
import {
  openTemporaryDirectory,
  type TemporaryDirectory,
} from '../support/stores/temporary-directory.ts'

const FAULTS = join(import.meta.dirname, '../support/faulty-process.ts')

let directory: TemporaryDirectory
beforeEach(async () => {
  directory = await openTemporaryDirectory()
})
afterEach(() => directory.close())

describe('something that nobody handles', () => {
  it.each(['a rejection', 'an exception in a timer', 'what is no error'])(
    'R25 is one line of the log and an orderly end with exit code 1: %s',
    async (fault) => {
      const { file } = await prepareGateway(directory.path)
      await using gateway = startChild({
        args: ['--import', FAULTS, NODE_ENTRY],
        env: { SIGNET_CONFIG: file, FAULT: fault },
      })
      await gateway.said(/"gateway\.ready"/)
      gateway.kill('SIGUSR2')
      const ended = await gateway.ended
      const lines = gateway
        .stderr()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
      expect(ended).toEqual({ code: 1, signal: null })
      expect(lines.filter(({ level }) => level === 'error')).toMatchObject([
        { event: 'gateway.failed', message: 'nobody handles this' },
      ])
      expect(lines.map(({ event }) => event)).toContain('gateway.draining')
      expect(gateway.stderr()).not.toMatch(/^\s+at /m)
    },
  )
})
