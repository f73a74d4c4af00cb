import * as z from 'zod/mini'
import { configSchema } from './schema.ts'

/**
 * The shape of a configuration file as JSON Schema (draft 2020-12), for editors. What members mean
 * to each other is beyond it: `signet config check` has the last word.
 */
export function configJsonSchema(): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(configSchema, { io: 'input' })
  return {
    $schema,
    title: 'Signet configuration',
    description: 'Which stores, buckets, plans and tenants a Signet gateway serves.',
    ...schema,
  }
}

/** The same as the text of `config/signet.schema.json`. */
export function configJsonSchemaText(): string {
  return `${JSON.stringify(configJsonSchema(), undefined, 2)}\n`
}
