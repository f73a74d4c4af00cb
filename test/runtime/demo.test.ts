import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Child, type ChildOptions, startChild } from '../support/gateway-process.ts'
import {
  openTemporaryDirectory,
  type TemporaryDirectory,
} from '../support/stores/temporary-directory.ts'

const DEMO_ENTRY = join(import.meta.dirname, '../../src/runtime/demo.ts')

interface Ready {
  readonly gatewayUrl: string
  readonly adminUrl: string
  readonly adminToken: string
  readonly apiKey: string
  readonly bucket: string
  readonly storeUrl: string
}

let directory: TemporaryDirectory
beforeEach(async () => {
  directory = await openTemporaryDirectory()
})
afterEach(() => directory.close())

/** A demo that is ready, and the last line that it has printed. */
async function startDemo(options: Partial<ChildOptions> = {}): Promise<Child & { ready: Ready }> {
  const child = startChild({
    args: [DEMO_ENTRY],
    ...options,
    env: { PORT: '0', ADMIN_PORT: '0', DATA_DIR: join(directory.path, 'data') },
  })
  await child.said(/^ready .*\n/m)
  const lines = child.stdout().trimEnd().split('\n')
  const last = lines.at(-1) ?? ''
  return { ...child, ready: JSON.parse(last.replace(/^ready /, '')) }
}

/** What bash prints when the text is pasted into it, in an empty folder. */
async function paste(text: string): Promise<string> {
  const folder = await openTemporaryDirectory()
  const shell = spawn('bash', [], { cwd: folder.path, stdio: ['pipe', 'pipe', 'pipe'] })
  let printed = ''
  for (const stream of [shell.stdout, shell.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      printed += chunk
    })
  }
  shell.stdin.end(text)
  await once(shell, 'close')
  await folder.close()
  return printed
}

async function usage({ gatewayUrl, apiKey }: Ready) {
  const headers = { authorization: `Bearer ${apiKey}` }
  const { limits } = await (await fetch(`${gatewayUrl}/v1/usage`, { headers })).json()
  const counted = limits.filter(({ unit }: { unit: string }) => unit !== 'requests')
  return Object.fromEntries(
    counted.map(({ policy, used, pending }: Record<string, unknown>) => [policy, [used, pending]]),
  )
}

async function isOpen(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  const open = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
  })
  socket.destroy()
  return open
}

const portsOf = ({ gatewayUrl, adminUrl, storeUrl }: Ready) => [gatewayUrl, adminUrl, storeUrl]
const areOpen = (ready: Ready) => Promise.all(portsOf(ready).map(isOpen))

describe('the demo', () => {
  it('is ready with one line, its curl session works as it is, and a restart knows it all', async () => {
    await using demo = await startDemo()
    const { ready } = demo
    expect(Object.keys(ready)).toEqual([
      'gatewayUrl',
      'adminUrl',
      'adminToken',
      'apiKey',
      'bucket',
      'storeUrl',
    ])
    const session = /^# Paste[\s\S]*?(?=^ready )/m.exec(demo.stdout())?.[0] ?? ''
    const printed = await paste(session)
    expect(printed).toContain('the store says 200\n')
    expect(printed).toMatch(/"status":"completed".*"sizeBytes":15\b/)
    expect(printed).toContain('\nHello, Signet!\n')
    expect(printed).toMatch(/"policy":"tenant-stored".*?"used":15,"pending":0/)
    const used = { 'tenant-stored': [15, 0], 'user-bytes-day': [15, 0], 'user-pending': [0, 0] }
    expect(await usage(ready)).toMatchObject(used)
    const admin = await fetch(`${ready.adminUrl}/admin/v1/stores`, {
      headers: { authorization: `Bearer ${ready.adminToken}` },
    })
    expect(admin.status).toBe(200)
    demo.kill('SIGTERM')
    expect(await demo.ended).toEqual({ code: 0, signal: null })
    expect(await areOpen(ready)).toEqual([false, false, false])

    await using again = await startDemo()
    const { apiKey, adminToken } = again.ready
    expect({ apiKey, adminToken }).toEqual({ apiKey: ready.apiKey, adminToken: ready.adminToken })
    expect(await usage(again.ready)).toMatchObject(used)
    again.kill('SIGINT')
    expect(await again.ended).toEqual({ code: 0, signal: null })
    expect(await areOpen(again.ready)).toEqual([false, false, false])
  })

  it('ends with everything in it on Ctrl-C in a terminal, where npm hands the signal on as well', async () => {
    await using demo = await startDemo({ command: 'npm', args: ['run', 'demo'], ownGroup: true })
    expect(await areOpen(demo.ready)).toEqual([true, true, true])
    demo.kill('SIGINT')
    expect(await demo.ended).toEqual({ code: 0, signal: null })
    expect(await areOpen(demo.ready)).toEqual([false, false, false])
    expect(demo.stderr()).toContain('"gateway.draining"')
    expect(demo.stderr()).not.toMatch(/"level":"(?:warn|error)"/)
  })

  it('ends with everything in it when npm alone is told to stop', async () => {
    await using demo = await startDemo({ command: 'npm', args: ['run', 'demo'], ownGroup: true })
    process.kill(demo.pid, 'SIGTERM')
    await demo.ended
    expect(await areOpen(demo.ready)).toEqual([false, false, false])
  })
})
