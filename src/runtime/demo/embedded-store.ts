import { mkdir } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { escapeXml } from '../../stores/escape-xml.ts'
import { guardS3rver } from './s3rver-guard.ts'
import { s3rverMultipart } from './s3rver-multipart.ts'

/** What the embedded store is opened with. */
export interface EmbeddedStoreOptions {
  /** Folder for buckets and objects; made when missing, and left in place by `close()`. */
  directory: string
  /** Port on 127.0.0.1; 0 takes any free one. */
  port: number
  /** A bucket that is there from the start. */
  bucket: string
  /** Web origins that may use that bucket, like `http://127.0.0.1:8080`; none leaves CORS off. */
  origins: readonly string[]
}

/** A running store for a demo or a test. The credential is s3rver's only one. */
export interface EmbeddedStore {
  /** `http://127.0.0.1:<port>`, path style only; any region is accepted. */
  url: string
  accessKeyId: string
  secretAccessKey: string
  /** Stops listening and drops open connections. Repeating it is safe. */
  close(): Promise<void>
}

/**
 * Starts an S3 store inside this process, on loopback only, behind the guard that it needs.
 * It keeps the promises of a signature and of multipart uploads, and few others: no write-once, no checksums, no form
 * policies. Its key pair is public knowledge, so never let it listen to a network.
 * Throws when the port is taken or when `@20minutes/s3rver`, a development dependency, is missing.
 */
export async function openEmbeddedStore(options: EmbeddedStoreOptions): Promise<EmbeddedStore> {
  const { default: S3rver } = await import('@20minutes/s3rver')
  await mkdir(options.directory, { recursive: true })
  const s3rver = new S3rver({
    directory: options.directory,
    silent: true,
    vhostBuckets: false,
    configureBuckets: [{ name: options.bucket, configs: corsRules(options.origins) }],
  })
  await s3rver.configureBuckets()
  s3rver.middleware.unshift(s3rverMultipart(options.directory))
  const server = createServer(guardS3rver(s3rver.callback()))
  try {
    await listen(server, options.port)
  } catch (error) {
    s3rver.logger.close()
    throw error
  }
  return {
    url: urlOf(server),
    accessKeyId: 'S3RVER',
    secretAccessKey: 'S3RVER',
    async close() {
      if (!server.listening) return
      await closeServer(server)
      s3rver.logger.close()
    },
  }
}

function corsRules(origins: readonly string[]): string[] {
  if (origins.length === 0) return []
  const list = (tag: string, values: readonly string[]) =>
    values.map((value) => `<${tag}>${escapeXml(value)}</${tag}>`).join('')
  const rule = [
    list('AllowedOrigin', origins),
    list('AllowedMethod', ['PUT', 'GET', 'HEAD', 'POST']),
    list('AllowedHeader', ['*']),
    list('ExposeHeader', ['ETag']),
  ].join('')
  return [`<CORSConfiguration><CORSRule>${rule}</CORSRule></CORSConfiguration>`]
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function urlOf(server: Server): string {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('Cannot read the port')
  return `http://127.0.0.1:${address.port}`
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
