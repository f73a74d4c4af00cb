import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type GatewayProcess,
  type PreparedGateway,
  prepareGateway,
  type StartOptions,
  startGateway,
} from '../support/gateway-process.ts'
import { sendRaw } from '../support/raw-http.ts'
import {
  openTemporaryDirectory,
  type TemporaryDirectory,
} from '../support/stores/temporary-directory.ts'
import { uploadBody } from '../support/test-gateway.ts'
import { describeOnRuntimes } from './runtimes-under-test.ts'

// The bounds of the listener itself, which no request gets past to the application. Node, Bun and Deno have
// a node:http of their own each, so what is set on one proves nothing of another.

const MAX_CONNECTIONS = 12
/** Room for a process that has to share the machine. */
const HEADERS_TIMEOUT_MS = 500
const REQUEST_TIMEOUT_MS = 1_000

const FAULTS = join(import.meta.dirname, '../support/faulty-process.ts')

describeOnRuntimes(({ bun, deno }) => {
  const entry = (name: string) => join(import.meta.dirname, `../../src/runtime/${name}.ts`)
  describeListener('Node', { flags: ['--import', FAULTS] })
  describeListener('Bun', { command: bun, entry: entry('bun'), flags: ['--preload', FAULTS] })
  const permissions = ['--allow-net', '--allow-read', '--allow-write', '--allow-env']
  const flags = ['run', ...permissions, '--preload', FAULTS]
  describeListener('Deno', { command: deno, entry: entry('deno'), flags })
})

function describeListener(name: string, start: StartOptions): void {
  describe(`the listener on ${name}`, () => {
    let directory: TemporaryDirectory
    let prepared: PreparedGateway
    let gateway: GatewayProcess
    beforeAll(async () => {
      directory = await openTemporaryDirectory()
      prepared = await prepareGateway(directory.path, {
        server: {
          maxConnections: MAX_CONNECTIONS,
          headersTimeoutMs: HEADERS_TIMEOUT_MS,
          requestTimeoutMs: REQUEST_TIMEOUT_MS,
          drainSeconds: 30,
        },
      })
      gateway = await startGateway(prepared, {
        ...start,
        env: { FAULT: 'an exception in a timer' },
      })
    })
    afterAll(async () => {
      await gateway?.[Symbol.asyncDispose]()
      await directory?.close()
    })

    const port = () => Number(new URL(gateway.url).port)
    const headOf = (line: string, ...headers: readonly string[]) =>
      [`${line} HTTP/1.1`, 'Host: gateway', ...headers].join('\r\n')
    const statusOf = async (request: string) =>
      (await sendRaw(port(), Buffer.from(request, 'latin1'))).status

    it.each([
      [400, 'no Host', 'GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n'],
      [400, 'HTTP/1.0', 'GET /healthz HTTP/1.0\r\n\r\n'],
      [400, 'line feeds alone', 'GET /healthz HTTP/1.1\nHost: g\nConnection: close\n\n'],
      [400, 'a byte that has to be encoded', `${headOf('GET /a\xe9')}\r\n\r\n`],
      [
        400,
        'two lengths',
        `${headOf('POST /x', 'Content-Length: 3', 'Content-Length: 4')}\r\n\r\n`,
      ],
      [
        400,
        'a length and chunks',
        `${headOf('POST /x', 'Content-Length: 3', 'Transfer-Encoding: chunked')}\r\n\r\n0\r\n\r\n`,
      ],
      [405, 'CONNECT', `${headOf('CONNECT a:1')}\r\n\r\n`],
      [
        431,
        'headers of more than 16 KiB',
        `${headOf('GET /x', `A: ${'a'.repeat(16_384)}`)}\r\n\r\n`,
      ],
    ])('%i: %s', async (status, _, request) => {
      expect(await statusOf(request)).toBe(status)
    })

    it('200: headers of less than 16 KiB', async () => {
      const close = 'Connection: close'
      const request = headOf('GET /healthz', close, `A: ${'a'.repeat(16_000)}`)
      expect(await statusOf(`${request}\r\n\r\n`)).toBe(200)
    })

    it('408: headers and bodies that do not come in time', async () => {
      const authorization = `Authorization: Bearer ${prepared.apiKey}`
      const json = 'Content-Type: application/json'
      const request = headOf('POST /v1/uploads', authorization, json, 'Content-Length: 10')
      const statuses = await Promise.all([
        statusOf('GET /healthz HTTP/1.1\r\n'),
        statusOf(`${request}\r\n\r\nabc`),
      ])
      expect(statuses).toEqual([408, 408])
    })

    it('400 InvalidKey: a path with dot segments, seen as it came', async () => {
      const path = '/v1/objects/media/acme/alice/x/../cat.jpg'
      const authorization = `Authorization: Bearer ${prepared.apiKey}`
      const request = headOf(`GET ${path}`, authorization, 'Connection: close')
      const response = await sendRaw(port(), `${request}\r\n\r\n`)
      expect(response.status).toBe(400)
      expect(await response.json()).toMatchObject({ code: 'InvalidKey' })
    })

    it('knows who asks: a rule for another network is not met, one for this one is', async () => {
      const settings = JSON.parse(await readFile(prepared.file, 'utf8'))
      const key = settings.tenants.acme.keys[0]
      const ask = () =>
        fetch(`${gateway.url}/v1/uploads`, {
          method: 'POST',
          headers: {
            authorization: `Bearer ${prepared.apiKey}`,
            'content-type': 'application/json',
          },
          body: JSON.stringify(uploadBody()),
        })
      const statuses: number[] = []
      for (const [index, networks] of [['192.0.2.0/24'], ['127.0.0.0/8']].entries()) {
        key.allow = [{ operations: ['upload'], buckets: ['media'], prefix: 'acme/', networks }]
        await writeFile(prepared.file, JSON.stringify(settings))
        gateway.kill('SIGHUP')
        await gateway.said(new RegExp(`"config\\.reloaded","generation":${index + 2}`))
        statuses.push((await ask()).status)
      }
      expect(statuses).toEqual([403, 201])
    })

    it('closes connections above the bound without a word, and serves those below it', async () => {
      const asked = async () => {
        const socket = await opened(port())
        socket.write(`${headOf('GET /healthz')}\r\n\r\n`)
        const closed = new Promise<unknown[]>((resolve) => socket.once('close', () => resolve([])))
        const answered = new Promise<unknown[]>((resolve) => {
          socket.once('data', (data) => resolve([data]))
        })
        const [answer] = await Promise.race([answered, closed])
        return { socket, status: String(answer).slice(9, 12) }
      }
      // Some are held already by what has called it before.
      const held: Awaited<ReturnType<typeof asked>>[] = []
      do held.push(await asked())
      while (held.at(-1)?.status === '200' && held.length <= MAX_CONNECTIONS)
      expect(held.length).toBeGreaterThan(MAX_CONNECTIONS / 2)
      expect(held.length).toBeLessThanOrEqual(MAX_CONNECTIONS + 1)
      expect(held.at(-1)?.status).not.toBe('200')
      const [{ socket: first } = await asked()] = held
      const answer = textOf(first)
      first.write(`${headOf('GET /healthz', 'Connection: close')}\r\n\r\n`)
      expect(await answer).toMatch(/^HTTP\/1\.1 200 /)
      for (const { socket } of held) socket.destroy()
    })

    it('ends in order by itself, with code 1, when something throws that nobody handles', async () => {
      const idle = await opened(port())
      gateway.kill('SIGUSR2')
      await gateway.said(/"gateway\.draining"/)
      expect(await gateway.ended).toEqual({ code: 1, signal: null })
      expect(gateway.stderr()).toContain('nobody handles this')
      idle.destroy()
    })
  })
}

async function opened(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

async function textOf(socket: Socket): Promise<string> {
  let text = ''
  for await (const chunk of socket.setEncoding('utf8')) text += chunk
  return text
}
