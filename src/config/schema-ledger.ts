import * as z from 'zod/mini'
import { described } from '../described.ts'
import { integer, members, oneOf, secretSchema, text } from './schema-values.ts'

/** `ledger`: how the ledger is reached and what it promises. Defaults depend on `state`. */
export const ledgerSchema = z.prefault(
  members({
    durability: described(
      z.optional(oneOf(['strict', 'disk', 'async'])),
      'Redis: what a grant waits for. strict: acknowledgement of all replicas; disk: appendfsync always; async: the journal of this gateway. Default: strict with replicas, else disk.',
    ),
    replicas: described(
      z.optional(integer(0, 16)),
      'Redis, strict: replicas whose acknowledgement a grant needs, all that may be promoted. Default: 1 behind Sentinel and in a cluster, else 0.',
    ),
    journal: described(
      z.optional(text(4096)),
      "Redis, async: PATH of this gateway's own SQLite journal. Default: ./data/journal.db.",
    ),
    username: described(
      z.optional(text(256)),
      'Redis: ACL user. Default: none, or that in the URL.',
    ),
    password: described(
      z.optional(secretSchema),
      'Redis: an environment variable or file:PATH. Default: none, or that in the URL.',
    ),
    sentinelUsername: described(z.optional(text(256)), 'ACL user of the Sentinels themselves.'),
    sentinelPassword: described(
      z.optional(secretSchema),
      'Password of the Sentinels themselves: an environment variable or file:PATH.',
    ),
    tls: described(
      z.optional(
        members({
          ca: described(
            z.optional(text(1_048_576)),
            'PATH of the PEM file of the authorities to trust. Default: those of the system.',
          ),
          cert: described(z.optional(text(1_048_576)), "PATH of this gateway's certificate, PEM."),
          key: described(z.optional(text(1_048_576)), 'PATH of the private key of cert, PEM.'),
          serverName: described(
            z.optional(text(253)),
            'Name that certificates must have. Default: host.',
          ),
        }),
      ),
      'Redis over TLS, for redis: URLs too; rediss: alone trusts the authorities of the system.',
    ),
    commandTimeoutMs: described(
      z.optional(integer(50, 5_000)),
      'Redis: time for one command, in milliseconds. Default: 250.',
    ),
    waitTimeoutMs: described(
      z.optional(integer(10, 4_999)),
      'Redis, strict: time for replicas to acknowledge, in milliseconds; below commandTimeoutMs. Default: 150, or 60 % of commandTimeoutMs where that is less.',
    ),
    connectTimeoutMs: described(
      z.optional(integer(50, 60_000)),
      'Redis: time for a connection to be made, in milliseconds. Default: 1000.',
    ),
    retentionHours: described(
      z.optional(integer(2, 720)),
      'How long ended reservations are remembered, in hours. Default: 24; for async as much more as uploads may take.',
    ),
    gateways: described(
      z.optional(integer(1, 1_000)),
      'Redis: how many gateways there are. While the ledger is away each keeps its share of the rate limits. Default: 1.',
    ),
    whenAway: described(
      z.prefault(
        members({
          requests: described(
            z._default(oneOf(['open', 'closed']), 'open'),
            'Downloads and what else holds nothing, while the ledger is away: open keeps rate limits by this gateway alone, closed answers 503.',
          ),
        }),
        {},
      ),
      'What happens while the ledger is away. Uploads are refused in any case.',
    ),
  }),
  {},
)

export type LedgerInput = z.output<typeof ledgerSchema>
