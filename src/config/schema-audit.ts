import * as z from 'zod/mini'
import { described } from '../described.ts'
import { integer, members, secretSchema, text } from './schema-values.ts'

const MIB = 1_048_576

/** `audit`: one of `file`, `sqlite`, `redis`, `http` and `queue`, and what belongs to it. */
export const auditSchema = z.prefault(
  members({
    file: described(
      z.optional(text(4096)),
      'Where audit events go, one JSON object a line: a path, "stdout" or "none". Default: ./data/audit.jsonl, unless sqlite, redis, http or queue is set; with Durable Objects stdout.',
    ),
    maxFileBytes: described(
      z.optional(integer(MIB, 2 ** 40)),
      'Size at which the file is put aside as FILE.1, FILE.2 and so on, and a new one begins. Default: never.',
    ),
    keepFiles: described(
      z.optional(integer(1, 10_000)),
      'Files put aside that are kept; older ones are removed. Default: all.',
    ),
    sqlite: described(
      z.optional(text(4096)),
      'PATH of an SQLite database for audit events alone, instead of a file.',
    ),
    keepDays: described(
      z.optional(integer(1, 36_500)),
      'SQLite: how long events are kept, in days. Default: for good.',
    ),
    redis: described(
      z.optional(
        members({
          maxEvents: described(
            z._default(integer(1_000, 100_000_000), 100_000),
            'Events that are kept, some 500 bytes of memory each. Default: 100000.',
          ),
        }),
      ),
      'A stream on the Redis of "state" that all gateways share, instead of a file.',
    ),
    http: described(
      z.optional(
        members({
          url: described(
            text(2048),
            'Where events are posted to, as application/x-ndjson; any 2xx means that they are recorded. https:, but to this machine.',
          ),
          token: described(z.optional(secretSchema), 'Goes as bearer token. Default: none.'),
          timeoutMs: described(
            z._default(integer(100, 60_000), 5_000),
            'For one post and its answer, in milliseconds.',
          ),
        }),
      ),
      'A collector of events that takes them by HTTP, instead of a file.',
    ),
    queue: described(
      z.optional(text(64)),
      'On workerd: name of the binding of a queue, instead of a file.',
    ),
  }),
  {},
)

export type AuditInput = z.output<typeof auditSchema>
