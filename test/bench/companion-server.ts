// Uppy Companion with nothing but direct uploads to S3: no network is needed to sign a form.
import { once } from 'node:events'
import type { RequestListener, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { announce } from './children.ts'
import { loadPeer } from './peers.ts'

type Express = () => RequestListener & {
  use(...handlers: unknown[]): void
  listen(port: number, host: string): Server
}
interface Companion {
  app(options: object): { app: RequestListener }
}

const [folder] = process.argv.slice(2)
const express = loadPeer<Express>('express')
const session = loadPeer<(options: object) => unknown>('express-session')
const companion = loadPeer<Companion>('@uppy/companion')
const bodyParser = loadPeer<{ json(): unknown }>('body-parser')

const app = express()
app.use(bodyParser.json())
app.use(session({ secret: 'bench-session', resave: false, saveUninitialized: false }))
app.use(
  companion.app({
    providerOptions: {},
    s3: {
      key: 'AKIAEXAMPLEBENCH0001',
      secret: 'bench+secret/0123456789abcdefghijklmnopq',
      bucket: 'media-prod',
      region: 'us-east-1',
      endpoint: 'http://127.0.0.1:9',
      forcePathStyle: true,
      expires: 300,
      conditions: [['content-length-range', 12345, 12345]],
    },
    server: { host: '127.0.0.1', protocol: 'http' },
    filePath: folder,
    secret: 'bench-companion-secret-0123456789',
    uploadUrls: ['http://127.0.0.1:9'],
    corsOrigins: ['http://127.0.0.1'],
    metrics: false,
  }).app,
)
const server = app.listen(0, '127.0.0.1')
await once(server, 'listening')
announce((server.address() as AddressInfo).port)
