import type * as z from 'zod'
import { integer, members, secretSchema, text } from './schema-values.ts'

const MIB = 1_048_576

/** `audit`: one of `file`, `sqlite`, `redis`, `http` and `queue`, and what belongs to it. */
export const auditSchema = members({
  file: text(4096)
    .optional()
    .describe(
      'Where audit events go, one JSON object a line: a path, "stdout" or "none". Default: ./data/audit.jsonl, unless sqlite, redis, http or queue is set; with Durable Objects stdout.',
    ),
  maxFileBytes: integer(MIB, 2 ** 40)
    .optional()
    .describe(
      'Size at which the file is put aside as FILE.1, FILE.2 and so on, and a new one begins. Default: never.',
    ),
  keepFiles: integer(1, 10_000)
    .optional()
    .describe('Files put aside that are kept; older ones are removed. Default: all.'),
  sqlite: text(4096)
    .optional()
    .describe('PATH of an SQLite database for audit events alone, instead of a file.'),
  keepDays: integer(1, 36_500)
    .optional()
    .describe('SQLite: how long events are kept, in days. Default: for good.'),
  redis: members({
    maxEvents: integer(1_000, 100_000_000)
      .default(100_000)
      .describe('Events that are kept, some 500 bytes of memory each. Default: 100000.'),
  })
    .optional()
    .describe('A stream on the Redis of "state" that all gateways share, instead of a file.'),
  http: members({
    url: text(2048).describe(
      'Where events are posted to, as application/x-ndjson; any 2xx means that they are recorded. https:, but to this machine.',
    ),
    token: secretSchema.optional().describe('Goes as bearer token. Default: none.'),
    timeoutMs: integer(100, 60_000)
      .default(5_000)
      .describe('For one post and its answer, in milliseconds.'),
  })
    .optional()
    .describe('A collector of events that takes them by HTTP, instead of a file.'),
  queue: text(64)
    .optional()
    .describe('On workerd: name of the binding of a queue, instead of a file.'),
}).prefault({})

export type AuditInput = z.output<typeof auditSchema>
