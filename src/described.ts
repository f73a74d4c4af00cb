import * as z from 'zod/mini'

/** The same schema, with what its values mean: for documents that are made of it, and nothing else. */
export function described<Schema extends z.ZodMiniType>(schema: Schema, meaning: string): Schema {
  return told(schema, { description: meaning })
}

/** The same schema under a name: documents hold it once, and refer to it. */
export function named<Schema extends z.ZodMiniType>(schema: Schema, id: string): Schema {
  return told(schema, { id })
}

/** The same schema, with the words that an editor offers: which of them will do is judged elsewhere. */
export function offering<Schema extends z.ZodMiniType>(
  schema: Schema,
  words: readonly string[],
): Schema {
  return told(schema, { enum: [...words] })
}

/** A schema of its own, for what is said of one use of it is not said of the others. */
function told<Schema extends z.ZodMiniType>(schema: Schema, meta: z.core.GlobalMeta): Schema {
  const copy = z.clone(schema)
  z.globalRegistry.add(copy, meta)
  return copy
}
