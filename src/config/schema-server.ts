import * as z from 'zod'
import { integer, list, members, oneOf, regionSchema, secretSchema, text } from './schema-values.ts'

/** `server`: listeners and what one process takes on. */
export const serverSchema = members({
  listen: text(255)
    .default(':8080')
    .describe('Public API: host:port, or :port for every interface; port 0 picks a free one.'),
  admin: text(255)
    .default('127.0.0.1:9090')
    .describe('Admin API, console and metrics: host:port. Keep it off public networks.'),
  publicUrl: text(2048)
    .optional()
    .describe('Origin that clients know the public API by. This version makes no absolute links.'),
  trustedProxies: list(text(64), 0)
    .default([])
    .describe(
      'Addresses and networks of the proxies in front, like 10.0.0.0/8: what they add to X-Forwarded-For is believed. Default: none.',
    ),
  callerRegion: members({
    header: text(64)
      .regex(/^[a-z0-9-]+$/, { error: 'must be a header name in lower case' })
      .optional()
      .describe('Header in which trusted proxies tell it, like cf-ipcountry. Default: none.'),
    networks: z
      .record(regionSchema, list(text(64), 1), { error: 'must be a mapping' })
      .default({})
      .describe('Networks of callers by region, like eu: [10.1.0.0/16]. Default: none.'),
  })
    .prefault({})
    .describe('How the region of a caller is known, for placements that take regions.'),
  cors: members({
    origins: list(text(2048), 0)
      .default([])
      .describe('Web origins that may call the public API, matched exactly. Default: none.'),
  })
    .prefault({})
    .describe('Which web pages may call the public API from a browser.'),
  maxConnections: integer(1, 1_000_000)
    .default(10_000)
    .describe('Connections held at once; more are closed.'),
  maxConcurrentRequests: integer(1, 100_000)
    .default(1_000)
    .describe('Requests worked on at once; more are answered 503 Overloaded.'),
  headersTimeoutMs: integer(100, 600_000)
    .default(10_000)
    .describe('Time for the headers of a request, in milliseconds.'),
  requestTimeoutMs: integer(100, 600_000)
    .default(15_000)
    .describe('Time for a whole request, in milliseconds.'),
  keepAliveTimeoutMs: integer(0, 3_600_000)
    .default(65_000)
    .describe('Rest of an idle connection, in milliseconds.'),
  shutdownDelaySeconds: integer(0, 600)
    .default(0)
    .describe('How long the gateway serves on after the signal to stop, unready, in seconds.'),
  drainSeconds: integer(0, 3_600)
    .default(20)
    .describe('How long requests may take to finish after that, in seconds.'),
  reloadSeconds: integer(0, 3_600)
    .default(10)
    .describe(
      'How often this file and those that it names are looked at for changes, in seconds; 0: on SIGHUP alone.',
    ),
}).prefault({})

/** `log`. */
export const logSchema = members({
  level: oneOf(['debug', 'info', 'warn', 'error'])
    .default('info')
    .describe('Lines below this level are dropped.'),
}).prefault({})

/** `signing`. */
export const signingSchema = members({
  presigner: oneOf(['auto', 'native', 'aws4fetch'])
    .default('auto')
    .describe(
      'What signs URLs: the hashes of the runtime (native), or aws4fetch on WebCrypto, which gives the same URLs, slower. auto: native where it can be had.',
    ),
}).prefault({})

const rotatingSchema = z.union([
  secretSchema,
  members({
    current: secretSchema.describe('Made with and verified with.'),
    previous: secretSchema.optional().describe('Still verified with, until it is taken out.'),
    version: integer(1, 999_999_999)
      .optional()
      .describe(
        'Number of the current one; the previous one has one less. Default: 2 beside a previous one, else 1.',
      ),
  }),
])

/** `secrets`: Signet's own. */
export const secretsSchema = members({
  pepper: rotatingSchema.describe('Goes into stored hashes of API keys; at least 32 characters.'),
  ticketKey: rotatingSchema.describe('Seals the notes in object metadata; at least 32 characters.'),
  adminToken: rotatingSchema.describe('Opens the admin listener; at least 32 characters.'),
})

export type SecretsInput = z.output<typeof secretsSchema>
export type RotatingInput = z.output<typeof rotatingSchema>
export type ServerInput = z.output<typeof serverSchema>
