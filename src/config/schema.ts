import type * as z from 'zod'
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
  environment: oneOf(['development', 'production'])
    .default('development')
    .describe('production refuses what is only good for trying out.'),
  server: serverSchema.describe('Listeners and what one process takes on.'),
  state: text(4096)
    .default('sqlite:./data/signet.db')
    .describe(
      'Where the ledger lives: memory:, sqlite:PATH, redis://[user[:password]@]host[:port][/db], redis+sentinel://h1,h2,h3/NAME[/db] or redis+cluster://h1,h2,h3, rediss for TLS; on workerd durable-objects:.',
    ),
  ledger: ledgerSchema.describe('What the ledger promises, and how it is reached.'),
  log: logSchema.describe('The log, on standard error.'),
  signing: signingSchema.describe('How URLs and forms are signed.'),
  audit: auditSchema.describe('The record of every decision.'),
  secrets: secretsSchema.describe("Signet's own secrets."),
  stores: mapOf(nameSchema, storeSchema).describe('S3-compatible stores by name.'),
  buckets: mapOf(nameSchema, bucketSchema).describe('Buckets by the name that callers use.'),
  plans: mapOf(nameSchema, planSchema).describe('Sets of limits by name.'),
  tenants: mapOf(idSchema, tenantSchema).describe('Tenants by id.'),
  issuers: mapOf(nameSchema, issuerSchema)
    .default({})
    .describe('Whose tokens (JWT) the public API takes, beside API keys.'),
  admin: adminSchema.describe('Who may administer, beside the bearer of the admin token.'),
})

export type ConfigInput = z.output<typeof configSchema>
