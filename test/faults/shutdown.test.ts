import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type GatewayProcess,
  type PreparedGateway,
  prepareGateway,
  startGateway,
} from '../support/gateway-process.ts'
import {
  openTemporaryDirectory,
  type TemporaryDirectory,
} from '../support/stores/temporary-directory.ts'
import { uploadBody } from '../support/test-gateway.ts'

let directory: TemporaryDirectory
beforeEach(async () => {
  directory = await openTemporaryDirectory()
})
afterEach(() => directory.close())

const prepare = (shutdownDelaySeconds: number, drainSeconds: number) =>
  prepareGateway(directory.path, { server: { shutdownDelaySeconds, drainSeconds } })

/** A client with one kept connection, as a proxy has many. */
function keptConnection(url: string, { apiKey }: PreparedGateway) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  return {
    async ask(path: string, body?: unknown): Promise<{ status: number; closes: boolean }> {
      const sent = request(`${url}${path}`, {
        agent,
        method: body === undefined ? 'GET' : 'POST',
        headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      })
      sent.end(body === undefined ? undefined : JSON.stringify(body))
      const [response]: IncomingMessage[] = await once(sent, 'response')
      if (response === undefined) throw new Error('no response')
      response.resume()
      await once(response, 'end')
      return { status: response.statusCode ?? 0, closes: response.headers.connection === 'close' }
    },
    close: () => agent.destroy(),
  }
}

/** A request whose body is held back: it is under way until `finish`. */
async function heldRequest(url: string, { apiKey }: PreparedGateway) {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  const body = JSON.stringify(uploadBody({ key: 'acme/alice/held' }))
  socket.write(
    [
      'POST /v1/uploads HTTP/1.1',
      'Host: gateway',
      `Authorization: Bearer ${apiKey}`,
      'Content-Type: application/json',
      `Content-Length: ${body.length}`,
      '',
      body.slice(0, 10),
    ].join('\r\n'),
  )
  return {
    socket,
    async finish(): Promise<string> {
      const answered = textOf(socket)
      socket.write(body.slice(10))
      return answered
    },
  }
}

async function textOf(socket: Socket): Promise<string> {
  let text = ''
  for await (const chunk of socket.setEncoding('utf8')) text += chunk
  return text
}

async function refusesConnections(url: string): Promise<void> {
  const { hostname, port } = new URL(url)
  for (;;) {
    const socket = connect(Number(port), hostname)
    const refused = await new Promise((resolve) => {
      socket.once('connect', () => resolve(false)).once('error', () => resolve(true))
    })
    socket.destroy()
    if (refused === true) return
  }
}

/** Several GETs at once on one connection; answers how many were answered before it closed. */
async function pipelined(url: string, { apiKey }: PreparedGateway, count: number) {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  const one = `GET /v1/usage HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer ${apiKey}\r\n\r\n`
  const last = one.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')
  socket.write(one.repeat(count - 1) + last)
  const statuses = (await textOf(socket)).match(/HTTP\/1\.1 \d+/g) ?? []
  return statuses.map((line) => Number(line.slice(-3)))
}

describe('SIGTERM', () => {
  it('R17 under keep-alive traffic: unready at once, serves on, fails no request, exits 0', async () => {
    const prepared = await prepare(2, 5)
    await using gateway = await startGateway(prepared)
    let unready = false
    const answers: { status: number; closes: boolean; draining: boolean }[] = []
    const EXTRA = 5
    const client = async (index: number) => {
      const connection = keptConnection(gateway.url, prepared)
      // Until the balancer has seen that it is unready, and what was on its way by then.
      for (let extra = 0, turn = 0; extra < EXTRA; turn += 1) {
        const draining = unready
        const body = uploadBody({ key: `acme/alice/${index}-${turn}` })
        const answer =
          turn % 2 === 0
            ? await connection.ask('/v1/usage')
            : await connection.ask('/v1/uploads', body)
        answers.push({ ...answer, draining })
        if (draining) extra += 1
      }
      connection.close()
    }
    const pipelining = async () => {
      for (let extra = 0; extra < EXTRA; ) {
        const draining = unready
        let wanted = 4
        // What a closing connection left unanswered is asked again, as RFC 9112 section 9.3.2 has it.
        while (wanted > 0) {
          const statuses = await pipelined(gateway.url, prepared, wanted)
          expect(statuses.length).toBeGreaterThan(0)
          expect(new Set(statuses)).toEqual(new Set([200]))
          wanted -= statuses.length
        }
        if (draining) extra += 1
      }
    }
    const balancer = async () => {
      const connection = keptConnection(gateway.url, prepared)
      while (answers.length < 40) expect((await connection.ask('/readyz')).status).toBe(200)
      gateway.kill('SIGTERM')
      while ((await connection.ask('/readyz')).status !== 503);
      unready = true
      const alive = await connection.ask('/healthz')
      expect(alive).toEqual({ status: 200, closes: true })
      connection.close()
    }
    const { hostname, port } = new URL(gateway.url)
    const silent = connect(Number(port), hostname)
    await once(silent, 'connect')
    const idle = keptConnection(gateway.url, prepared)
    await idle.ask('/healthz')
    const held = await heldRequest(gateway.url, prepared)
    await Promise.all([balancer(), pipelining(), ...[1, 2, 3, 4].map(client)])
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 201]))
    expect(answers.filter(({ draining }) => draining)).toHaveLength(4 * EXTRA)
    for (const { draining, closes } of answers) if (draining) expect(closes).toBe(true)

    // The delay is over: nobody new is let in, and who was in gets the answer.
    await refusesConnections(gateway.url)
    const finished = await held.finish()
    expect(finished).toMatch(/^HTTP\/1\.1 201 /)
    expect(finished).toMatch(/^connection: close\r$/im)
    const beganMs = performance.now()
    expect(await gateway.ended).toEqual({ code: 0, signal: null })
    // Neither the idle connection nor the silent one was waited for: the deadline is 5 s.
    expect(performance.now() - beganMs).toBeLessThan(4_000)
    silent.destroy()
    idle.close()
  })

  it('R17 a request that never ends is cut at the deadline, and the exit code is 0', async () => {
    const prepared = await prepare(0, 1)
    await using gateway = await startGateway(prepared)
    const held = await heldRequest(gateway.url, prepared)
    const closed = textOf(held.socket).catch(() => 'cut')
    gateway.kill('SIGTERM')
    await refusesConnections(gateway.url)
    expect(await gateway.ended).toEqual({ code: 0, signal: null })
    await closed
  })

  it('R17 signals that go on coming cut the wait short, never the exit', async () => {
    const prepared = await prepare(600, 600)
    await using gateway = await startGateway(prepared)
    const held = await heldRequest(gateway.url, prepared)
    const closed = textOf(held.socket).catch(() => 'cut')
    expect(await signalledUntilEnd(gateway)).toEqual({ code: 0, signal: null })
    await closed
    expect(gateway.stderr()).toContain('"gateway.draining"')
  })
})

async function signalledUntilEnd(gateway: GatewayProcess) {
  let turn = 0
  const timer = setInterval(() => {
    turn += 1
    gateway.kill(turn % 2 === 0 ? 'SIGTERM' : 'SIGINT')
  }, 100)
  const ended = await gateway.ended
  clearInterval(timer)
  return ended
}
