import * as z from 'zod/mini'
import { described } from '../described.ts'
import { integer, list, members, oneOf, regionSchema, secretSchema, text } from './schema-values.ts'

/** `server`: listeners and what one process takes on. */
export const serverSchema = z.prefault(
  members({
    listen: described(
      z._default(text(255), ':8080'),
      'Public API: host:port, or :port for every interface; port 0 picks a free one.',
    ),
    admin: described(
      z._default(text(255), '127.0.0.1:9090'),
      'Admin API, console and metrics: host:port. Keep it off public networks.',
    ),
    publicUrl: described(
      z.optional(text(2048)),
      'Origin that clients know the public API by. This version makes no absolute links.',
    ),
    trustedProxies: described(
      z._default(list(text(64), 0), []),
      'Addresses and networks of the proxies in front, like 10.0.0.0/8: what they add to X-Forwarded-For is believed. Default: none.',
    ),
    callerRegion: described(
      z.prefault(
        members({
          header: described(
            z.optional(
              text(64).check(
                z.regex(/^[a-z0-9-]+$/, { error: 'must be a header name in lower case' }),
              ),
            ),
            'Header in which trusted proxies tell it, like cf-ipcountry. Default: none.',
          ),
          networks: described(
            z._default(
              z.record(regionSchema, list(text(64), 1), { error: 'must be a mapping' }),
              {},
            ),
            'Networks of callers by region, like eu: [10.1.0.0/16]. Default: none.',
          ),
        }),
        {},
      ),
      'How the region of a caller is known, for placements that take regions.',
    ),
    cors: described(
      z.prefault(
        members({
          origins: described(
            z._default(list(text(2048), 0), []),
            'Web origins that may call the public API, matched exactly. Default: none.',
          ),
        }),
        {},
      ),
      'Which web pages may call the public API from a browser.',
    ),
    maxConnections: described(
      z._default(integer(1, 1_000_000), 10_000),
      'Connections held at once; more are closed.',
    ),
    maxConcurrentRequests: described(
      z._default(integer(1, 100_000), 1_000),
      'Requests worked on at once; more are answered 503 Overloaded.',
    ),
    headersTimeoutMs: described(
      z._default(integer(100, 600_000), 10_000),
      'Time for the headers of a request, in milliseconds.',
    ),
    requestTimeoutMs: described(
      z._default(integer(100, 600_000), 15_000),
      'Time for a whole request, in milliseconds.',
    ),
    keepAliveTimeoutMs: described(
      z._default(integer(0, 3_600_000), 65_000),
      'Rest of an idle connection, in milliseconds.',
    ),
    shutdownDelaySeconds: described(
      z._default(integer(0, 600), 0),
      'How long the gateway serves on after the signal to stop, unready, in seconds.',
    ),
    drainSeconds: described(
      z._default(integer(0, 3_600), 20),
      'How long requests may take to finish after that, in seconds.',
    ),
    reloadSeconds: described(
      z._default(integer(0, 3_600), 10),
      'How often this file and those that it names are looked at for changes, in seconds; 0: on SIGHUP alone.',
    ),
  }),
  {},
)

/** `log`. */
export const logSchema = z.prefault(
  members({
    level: described(
      z._default(oneOf(['debug', 'info', 'warn', 'error']), 'info'),
      'Lines below this level are dropped.',
    ),
  }),
  {},
)

/** `signing`. */
export const signingSchema = z.prefault(
  members({
    presigner: described(
      z._default(oneOf(['auto', 'native', 'aws4fetch']), 'auto'),
      'What signs URLs: the hashes of the runtime (native), or aws4fetch on WebCrypto, which gives the same URLs, slower. auto: native where it can be had.',
    ),
  }),
  {},
)

const rotatingSchema = z.union([
  secretSchema,
  members({
    current: described(secretSchema, 'Made with and verified with.'),
    previous: described(z.optional(secretSchema), 'Still verified with, until it is taken out.'),
    version: described(
      z.optional(integer(1, 999_999_999)),
      'Number of the current one; the previous one has one less. Default: 2 beside a previous one, else 1.',
    ),
  }),
])

/** `secrets`: Signet's own. */
export const secretsSchema = members({
  pepper: described(rotatingSchema, 'Goes into stored hashes of API keys; at least 32 characters.'),
  ticketKey: described(
    rotatingSchema,
    'Seals the notes in object metadata; at least 32 characters.',
  ),
  adminToken: described(rotatingSchema, 'Opens the admin listener; at least 32 characters.'),
})

export type SecretsInput = z.output<typeof secretsSchema>
export type RotatingInput = z.output<typeof rotatingSchema>
export type ServerInput = z.output<typeof serverSchema>
