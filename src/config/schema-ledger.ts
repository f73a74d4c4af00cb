import type * as z from 'zod'
import { integer, members, oneOf, secretSchema, text } from './schema-values.ts'

/** `ledger`: how the ledger is reached and what it promises. Defaults depend on `state`. */
export const ledgerSchema = members({
  durability: oneOf(['strict', 'disk', 'async'])
    .optional()
    .describe(
      'Redis: what a grant waits for. strict: acknowledgement of all replicas; disk: appendfsync always; async: the journal of this gateway. Default: strict with replicas, else disk.',
    ),
  replicas: integer(0, 16)
    .optional()
    .describe(
      'Redis, strict: replicas whose acknowledgement a grant needs, all that may be promoted. Default: 1 behind Sentinel and in a cluster, else 0.',
    ),
  journal: text(4096)
    .optional()
    .describe(
      "Redis, async: PATH of this gateway's own SQLite journal. Default: ./data/journal.db.",
    ),
  username: text(256).optional().describe('Redis: ACL user. Default: none, or that in the URL.'),
  password: secretSchema
    .optional()
    .describe('Redis: an environment variable or file:PATH. Default: none, or that in the URL.'),
  sentinelUsername: text(256).optional().describe('ACL user of the Sentinels themselves.'),
  sentinelPassword: secretSchema
    .optional()
    .describe('Password of the Sentinels themselves: an environment variable or file:PATH.'),
  tls: members({
    ca: text(1_048_576)
      .optional()
      .describe('PATH of the PEM file of the authorities to trust. Default: those of the system.'),
    cert: text(1_048_576).optional().describe("PATH of this gateway's certificate, PEM."),
    key: text(1_048_576).optional().describe('PATH of the private key of cert, PEM.'),
    serverName: text(253).optional().describe('Name that certificates must have. Default: host.'),
  })
    .optional()
    .describe(
      'Redis over TLS, for redis: URLs too; rediss: alone trusts the authorities of the system.',
    ),
  commandTimeoutMs: integer(50, 5_000)
    .optional()
    .describe('Redis: time for one command, in milliseconds. Default: 250.'),
  waitTimeoutMs: integer(10, 4_999)
    .optional()
    .describe(
      'Redis, strict: time for replicas to acknowledge, in milliseconds; below commandTimeoutMs. Default: 150, or 60 % of commandTimeoutMs where that is less.',
    ),
  connectTimeoutMs: integer(50, 60_000)
    .optional()
    .describe('Redis: time for a connection to be made, in milliseconds. Default: 1000.'),
  retentionHours: integer(2, 720)
    .optional()
    .describe(
      'How long ended reservations are remembered, in hours. Default: 24; for async as much more as uploads may take.',
    ),
  gateways: integer(1, 1_000)
    .optional()
    .describe(
      'Redis: how many gateways there are. While the ledger is away each keeps its share of the rate limits. Default: 1.',
    ),
  whenAway: members({
    requests: oneOf(['open', 'closed'])
      .default('open')
      .describe(
        'Downloads and what else holds nothing, while the ledger is away: open keeps rate limits by this gateway alone, closed answers 503.',
      ),
  })
    .prefault({})
    .describe('What happens while the ledger is away. Uploads are refused in any case.'),
}).prefault({})

export type LedgerInput = z.output<typeof ledgerSchema>
