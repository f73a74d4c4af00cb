import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { NODE_ENTRY, prepareGateway, startChild } from '../support/gateway-process.ts'
import {
  openTemporaryDirectory,
  type TemporaryDirectory,
} from '../support/stores/temporary-directory.ts'

let directory: TemporaryDirectory
beforeEach(async () => {
  directory = await openTemporaryDirectory()
})
afterEach(() => directory.close())

/** Starts the gateway and waits for its end; answers exit code and lines of stderr. */
async function startOn(file: string) {
  await using child = startChild({ args: [NODE_ENTRY], env: { SIGNET_CONFIG: file } })
  const ended = await child.ended
  expect(child.stdout()).toBe('')
  return { ...ended, lines: child.stderr().trim().split('\n') }
}

describe('a configuration that cannot be used', () => {
  it('R30 the start fails with exit code 1 and one line per problem, all at once', async () => {
    const { file } = await prepareGateway(directory.path)
    const settings = JSON.parse(await readFile(file, 'utf8'))
    const { main } = settings.stores
    const bad = {
      ...settings,
      environment: 'production',
      sever: {},
      stores: {
        main: { ...main, endpoint: 'http://s3.example.com' },
        userinfo: { ...main, endpoint: 'https://user:Passw0rd@s3.example.com' },
        path: { ...main, endpoint: 'https://s3.example.com/base' },
      },
    }
    // A doubled bucket can only be written as text.
    const bucket = JSON.stringify(settings.buckets.media)
    const text = JSON.stringify(bad, null, 2).replace(
      '"buckets": {',
      `"buckets": { "media": ${bucket},`,
    )
    await writeFile(file, text)
    const { code, lines } = await startOn(file)
    expect(code).toBe(1)
    const problems = lines.map((line) => line.replace(/^.*signet\.json:\d+:\d+ /, ''))
    expect(problems).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^buckets\.media: .*(?:twice|more than once|unique)/),
        expect.stringMatching(/^sever: .*server/),
        expect.stringMatching(/^stores\.main\.endpoint: must be https: in production$/),
        expect.stringMatching(/^stores\.userinfo\.endpoint: must not hold a user name/),
        expect.stringMatching(/^stores\.path\.endpoint: must not have a path$/),
      ]),
    )
    expect(problems).toHaveLength(5)
    expect(lines.join('\n')).not.toContain('Passw0rd')
  })

  it.each([
    ['is not there', undefined],
    ['is empty', ''],
    ['is no YAML', '{"server": ['],
  ])('R30 the start fails with exit code 1: a file that %s', async (_, text) => {
    const file = join(directory.path, 'signet.yaml')
    if (text !== undefined) await writeFile(file, text)
    const { code, lines } = await startOn(file)
    expect(code).toBe(1)
    expect(lines.join('\n')).toContain('signet.yaml')
    expect(lines.join('\n')).not.toMatch(/^\s+at /m)
  })

  it('R30 the start fails with exit code 1: a port that is taken, and nothing else stays open', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as { port: number }
    const { file } = await prepareGateway(directory.path, {
      server: { listen: `127.0.0.1:${port}` },
    })
    const { code, lines } = await startOn(file)
    expect([code, lines.join('\n')]).toEqual([1, expect.stringContaining('the port is taken')])
    taken.close()
  })
})
