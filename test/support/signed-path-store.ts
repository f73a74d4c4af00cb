import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  isRightlyAuthorized,
  isRightlySigned,
  isRightlySignedPolicy,
  type ReceivedRequest,
} from './sigv4-verifier.ts'

/** A store that serves one bucket below a path and signs that path, as Supabase does. */
export interface SignedPathStore extends AsyncDisposable {
  readonly origin: string
  /** Requests that it has answered, as `METHOD path: status`, without their queries. */
  readonly served: readonly string[]
}

interface Stored {
  readonly body: Buffer
  readonly headers: Readonly<Record<string, string>>
}

const PARTS =
  '<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>'

/**
 * Starts it on a free loopback port. It keeps objects in memory and refuses every request that is not
 * signed for exactly the target that it came with; what does not lie below `basePath` is 404.
 */
export async function startSignedPathStore(
  basePath: string,
  bucket: string,
  secretAccessKey: string,
): Promise<SignedPathStore> {
  const objects = new Map<string, Stored>()
  const served: string[] = []
  const server = createServer((request, response) => {
    void readAll(request).then((body) => {
      const received = receivedOf(request)
      const [path = ''] = received.target.split('?')
      const status = answer(received, body, response)
      served.push(`${received.method} ${path}: ${status}`)
    })
  })

  function answer(received: ReceivedRequest, body: Buffer, response: ServerResponse): number {
    const [path = '', query = ''] = received.target.split('?')
    const root = `${basePath}/${bucket}`
    if (path !== root && !path.startsWith(`${root}/`)) return end(response, 404)
    const key = decodeURIComponent(path.slice(root.length + 1))
    if (received.method === 'POST' && key === '') return takeForm(body, response)
    const isSigned = query.includes('X-Amz-Signature=')
      ? isRightlySigned(received, secretAccessKey)
      : isRightlyAuthorized(received, secretAccessKey)
    if (!isSigned) return end(response, 403)
    if (received.method === 'PUT') {
      if (!query.includes('uploadId=')) objects.set(key, storedOf(received, body))
      return end(response, 200)
    }
    if (received.method === 'POST') return end(response, 200, PARTS)
    if (key === '') return end(response, 200, listing([...objects.keys()]))
    const stored = objects.get(key)
    if (received.method === 'DELETE') objects.delete(key)
    if (stored === undefined || received.method === 'DELETE') {
      return end(response, received.method === 'DELETE' ? 204 : 404)
    }
    response.writeHead(200, stored.headers)
    response.end(received.method === 'HEAD' ? undefined : stored.body)
    return 200
  }

  function takeForm(body: Buffer, response: ServerResponse): number {
    const fields: Record<string, string> = {}
    let file = Buffer.alloc(0)
    for (const [, name = '', value = ''] of body
      .toString('latin1')
      .matchAll(/name="([^"]+)"[^\r]*\r\n(?:[^\r]+\r\n)?\r\n(.*?)\r\n--/gs)) {
      if (name === 'file') file = Buffer.from(value, 'latin1')
      else fields[name] = value
    }
    if (!isRightlySignedPolicy(fields, secretAccessKey)) return end(response, 403)
    const headers = { ...fields, 'content-type': fields['Content-Type'] ?? '' }
    objects.set(fields.key ?? '', storedOf({ method: 'POST', target: '', headers }, file))
    return end(response, 201)
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    origin: `http://127.0.0.1:${port}`,
    served,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

function receivedOf(request: IncomingMessage): ReceivedRequest {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(request.headers)) headers[name] = String(value)
  return { method: request.method ?? '', target: request.url ?? '', headers }
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

function storedOf({ headers }: ReceivedRequest, body: Buffer): Stored {
  const ticket = headers['x-amz-meta-signet']
  return {
    body,
    headers: {
      'content-length': String(body.length),
      'content-type': headers['content-type'] ?? '',
      etag: `"${createHash('md5').update(body).digest('hex')}"`,
      ...(ticket !== undefined && { 'x-amz-meta-signet': ticket }),
    },
  }
}

function listing(keys: readonly string[]): string {
  const contents = keys.map(
    (key) =>
      `<Contents><Key>${key}</Key><LastModified>2026-01-01T00:00:00Z</LastModified><ETag>"e"</ETag><Size>5</Size></Contents>`,
  )
  return `<ListBucketResult><IsTruncated>false</IsTruncated>${contents.join('')}</ListBucketResult>`
}

function end(response: ServerResponse, status: number, body = ''): number {
  response.writeHead(status, { 'content-type': 'application/xml' }).end(body)
  return status
}
