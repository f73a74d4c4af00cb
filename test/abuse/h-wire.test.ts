import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import {
  CLOSE,
  HOST,
  type ListeningGateway,
  openListeningGateway,
  requestOf,
} from '../http/listening-gateway.ts'
import { stateOf } from '../support/expect-refused.ts'
import { sendRaw } from '../support/raw-http.ts'
import { uploadBody } from '../support/test-gateway.ts'

const POST = 'POST /v1/uploads HTTP/1.1'
const JSON_TYPE = 'Content-Type: application/json'
const CHUNKED = 'Transfer-Encoding: chunked'
const CAP = 16_384
const TOO_LARGE = { status: 413, code: 'RequestTooLarge' } as const

let gateway: ListeningGateway
afterEach(() => gateway.close())

/** A POST of alice with these lines more. */
function post(lines: readonly string[], body = ''): Promise<Response> {
  return gateway.send([POST, HOST, CLOSE, gateway.authorization, JSON_TYPE, ...lines], body)
}

function chunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`
}

/** What comes back on a connection until the server ends it. */
async function readUntilClosed(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    answer += chunk
  })
  socket.write(text)
  await once(socket, 'close')
  return answer
}

const upload = JSON.stringify(uploadBody())

describe('malformed requests', () => {
  it('H01 400: two ways to tell a length, two lengths, a bare LF, backslashes, odd hosts', async () => {
    gateway = await openListeningGateway()
    const mine = gateway.authorization
    const get = (target: string, ...lines: string[]) =>
      requestOf([`GET ${target} HTTP/1.1`, ...lines])
    const refused: Record<string, string> = {
      'length and chunks': requestOf([POST, HOST, mine, 'Content-Length: 5', CHUNKED], '0\r\n\r\n'),
      'chunks and length': requestOf([POST, HOST, mine, CHUNKED, 'Content-Length: 5'], '0\r\n\r\n'),
      'two lengths': requestOf([POST, HOST, mine, 'Content-Length: 2', 'Content-Length: 3'], '{} '),
      'a list of lengths': requestOf([POST, HOST, mine, 'Content-Length: 2, 2'], '{}'),
      'a negative length': requestOf([POST, HOST, mine, 'Content-Length: -1']),
      'a signed length': requestOf([POST, HOST, mine, 'Content-Length: +2'], '{}'),
      'an odd coding': requestOf([POST, HOST, mine, 'Transfer-Encoding: xchunked'], '0\r\n\r\n'),
      'a bad chunk size': requestOf([POST, HOST, mine, CHUNKED], 'zz\r\n{}\r\n0\r\n\r\n'),
      'a bare LF': `GET /v1/usage HTTP/1.1\n${HOST}\n${mine}\n\n`,
      'a CR in a header': get('/v1/usage', HOST, `${mine}\rX: y`),
      'a space before the colon': get('/v1/usage', HOST, 'X-A : b', mine),
      'a folded header': get('/v1/usage', HOST, 'X-A: b', ' c: d', 'nonsense', mine),
      'a backslash first': get('\\v1\\usage', HOST, CLOSE, mine),
      'a backslash inside': get('/v1\\usage', HOST, CLOSE, mine),
      'no host': get('/v1/usage', CLOSE, mine),
      'two hosts': get('/v1/usage', HOST, 'Host: evil', CLOSE, mine),
      'two hosts in one': get('/v1/usage', 'Host: a, b', CLOSE, mine),
      'an empty host': get('/v1/usage', 'Host: ', CLOSE, mine),
      'a host with a path': get('/v1/usage', 'Host: a/b', CLOSE, mine),
      'a host with userinfo': get('/v1/usage', 'Host: u@b', CLOSE, mine),
      'a space in the target': get('/v1/ usage', HOST, CLOSE, mine),
      'no path': get('http:evil', HOST, CLOSE, mine),
      'an unknown method': requestOf(['STEAL /v1/usage HTTP/1.1', HOST, mine]),
      'another protocol': requestOf(['GET /v1/usage HTTP/9.9', HOST, mine]),
    }
    const before = stateOf(gateway)
    for (const [name, text] of Object.entries(refused)) {
      const answer = await sendRaw(gateway.port, text)
      expect([name, answer.status]).toEqual([name, 400])
      expect([name, await answer.text()]).not.toEqual([name, expect.stringContaining('limits')])
    }
    expect(stateOf(gateway)).toEqual(before)
    expect((await gateway.send(['GET /v1/usage HTTP/1.1', HOST, CLOSE, mine])).status).toBe(200)
  })

  it('H01 a request hidden in a body is never answered', async () => {
    gateway = await openListeningGateway()
    const hidden = requestOf(['GET /v1/usage HTTP/1.1', HOST, gateway.authorization])
    const length = `Content-Length: ${hidden.length}`
    const answer = await readUntilClosed(
      gateway.port,
      requestOf([POST, HOST, CLOSE, gateway.authorization, JSON_TYPE, length], hidden),
    )
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1)
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
  })
})

describe('bodies', () => {
  it('H02 413: a declared length above the cap, before any of it has come', async () => {
    gateway = await openListeningGateway()
    const refused = () => post([`Content-Length: ${CAP + 1}`], '{')
    await gateway.refused(refused, TOO_LARGE)
    const padded = upload + ' '.repeat(CAP - upload.length)
    expect((await post([`Content-Length: ${CAP}`], padded)).status).toBe(201)
  })

  it('H02 413: chunks that add up to more than the cap, before the last one has come', async () => {
    gateway = await openListeningGateway()
    const half = ' '.repeat(CAP / 2)
    await gateway.refused(() => post([CHUNKED], chunk(half) + chunk(half) + chunk(' ')), TOO_LARGE)
    const rest = ' '.repeat(CAP / 2 - upload.length)
    const fits = `${chunk(half)}${chunk(upload + rest)}0\r\n\r\n`
    expect((await post([CHUNKED], fits)).status).toBe(201)
  })

  it('H02 400: a body that is longer than it said, cut to what it said', async () => {
    gateway = await openListeningGateway()
    const before = stateOf(gateway)
    expect((await post(['Content-Length: 10'], upload)).status).toBe(400)
    expect(stateOf(gateway)).toEqual(before)
  })

  it('H06 415: any content encoding, unread, also in the middle of nowhere', async () => {
    gateway = await openListeningGateway()
    const codings = ['gzip', 'br', 'zstd', 'deflate', 'identity', 'GZIP', 'gzip, gzip', 'x']
    for (const coding of codings) {
      // A bomb would have more behind it: nothing of the body has to come for the answer.
      const refused = () => post([`Content-Encoding: ${coding}`, 'Content-Length: 16000'])
      await gateway.refused(refused, { status: 415, code: 'UnsupportedMediaType' })
    }
    expect((await post([`Content-Length: ${upload.length}`], upload)).status).toBe(201)
  })
})

describe('slow clients', () => {
  const TIMES = { headersTimeoutMs: 200, requestTimeoutMs: 400, keepAliveTimeoutMs: 200 }

  it('H03 408: headers that do not end', async () => {
    const server = { ...TIMES, requestTimeoutMs: 600_000 }
    gateway = await openListeningGateway({ server })
    const answer = await readUntilClosed(gateway.port, `${POST}\r\n${HOST}\r\nX-Slow: `)
    expect(answer).toMatch(/^HTTP\/1\.1 408 /)
  })

  it('H03 408: a body that does not end; it costs nothing and raises no alarm', async () => {
    gateway = await openListeningGateway({ server: TIMES })
    const before = stateOf(gateway)
    for (const line of ['Content-Length: 100', CHUNKED]) {
      const lines = [POST, HOST, gateway.authorization, JSON_TYPE, line]
      const answer = await readUntilClosed(
        gateway.port,
        requestOf(lines, line === CHUNKED ? '1\r\n{' : '{'),
      )
      expect(answer).toMatch(/^HTTP\/1\.1 408 /)
    }
    expect(stateOf(gateway)).toEqual(before)
    expect(gateway.log).toEqual([])
  })

  it('H03 closed: a connection that says nothing, before its first request or after one', async () => {
    gateway = await openListeningGateway({ server: TIMES })
    expect(await readUntilClosed(gateway.port, '')).toMatch(/^(?:HTTP\/1\.1 408 |$)/)
    const one = requestOf(['GET /healthz HTTP/1.1', HOST])
    const answer = await readUntilClosed(gateway.port, one)
    expect(answer.match(/HTTP\/1\.1 200/g)).toHaveLength(1)
  })

  it('H03 closed: one connection above the cap, while those below it are served', async () => {
    gateway = await openListeningGateway({ server: { maxConnections: 2 } })
    const held = [connect(gateway.port, '127.0.0.1'), connect(gateway.port, '127.0.0.1')]
    const [first] = held
    for (const socket of held) {
      socket.write(requestOf(['GET /healthz HTTP/1.1', HOST]))
      await once(socket, 'data')
    }
    const third = connect(gateway.port, '127.0.0.1')
    third.on('error', () => third.destroy())
    await once(third, 'close')
    first?.write(requestOf(['GET /healthz HTTP/1.1', HOST]))
    const answered = once(first ?? third, 'data')
    expect(String(await answered)).toMatch(/^HTTP\/1\.1 200 /)
    for (const socket of held) socket.destroy()
  })
})
