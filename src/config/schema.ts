import * as z from 'zod/mini'
import { described } from '../described.ts'
import { auditSchema } from './schema-audit.ts'
import { bucketSchema } from './schema-buckets.ts'
import { adminSchema, issuerSchema } from './schema-issuers.ts'
import { ledgerSchema } from './schema-ledger.ts'
import { planSchema } from './schema-plans.ts'
import { logSchema, secretsSchema, serverSchema, signingSchema } from './schema-server.ts'
import { storeSchema } from './schema-stores.ts'
import { tenantSchema } from './schema-tenants.ts'
import { idSchema, mapOf, members, nameSchema, oneOf, text } from './schema-values.ts'

/**
 * The configuration file as far as its shape goes. What members mean to each other is looked at by
 * the files named `build-…`.
 */
export const configSchema = members({
  environment: described(
    z._default(oneOf(['development', 'production']), 'development'),
    'production refuses what is only good for trying out.',
  ),
  server: described(serverSchema, 'Listeners and what one process takes on.'),
  state: described(
    z._default(text(4096), 'sqlite:./data/signet.db'),
    'Where the ledger lives: memory:, sqlite:PATH, redis://[user[:password]@]host[:port][/db], redis+sentinel://h1,h2,h3/NAME[/db] or redis+cluster://h1,h2,h3, rediss for TLS; on workerd durable-objects:.',
  ),
  ledger: described(ledgerSchema, 'What the ledger promises, and how it is reached.'),
  log: described(logSchema, 'The log, on standard error.'),
  signing: described(signingSchema, 'How URLs and forms are signed.'),
  audit: described(auditSchema, 'The record of every decision.'),
  secrets: described(secretsSchema, "Signet's own secrets."),
  stores: described(mapOf(nameSchema, storeSchema), 'S3-compatible stores by name.'),
  buckets: described(mapOf(nameSchema, bucketSchema), 'Buckets by the name that callers use.'),
  plans: described(mapOf(nameSchema, planSchema), 'Sets of limits by name.'),
  tenants: described(mapOf(idSchema, tenantSchema), 'Tenants by id.'),
  issuers: described(
    z._default(mapOf(nameSchema, issuerSchema), {}),
    'Whose tokens (JWT) the public API takes, beside API keys.',
  ),
  admin: described(adminSchema, 'Who may administer, beside the bearer of the admin token.'),
})

export type ConfigInput = z.output<typeof configSchema>
