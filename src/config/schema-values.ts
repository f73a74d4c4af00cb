import * as z from 'zod/mini'
import { described } from '../described.ts'

/** Largest amount of anything, in bytes or pieces: what all ledgers count exactly. */
export const MAX_AMOUNT = 2 ** 50

/** A whole number in a range; both ends are allowed. */
export function integer(min: number, max: number) {
  const error = `must be a whole number from ${min} to ${max}`
  return z.int({ error }).check(z.gte(min, { error }), z.lte(max, { error }))
}

/** One of a few words. */
export function oneOf<const Words extends readonly [string, ...string[]]>(words: Words) {
  return z.enum(words, { error: `must be one of: ${words.join(', ')}` })
}

/** Text of at least one character. */
export function text(maxCharacters: number) {
  const error = `must be text of 1 to ${maxCharacters} characters`
  return z.string({ error }).check(z.minLength(1, { error }), z.maxLength(maxCharacters, { error }))
}

/** Text that may be empty. */
export function anyText(maxCharacters: number) {
  const error = `must be text of at most ${maxCharacters} characters`
  return z.string({ error }).check(z.maxLength(maxCharacters, { error }))
}

/** `true` or `false`. */
export function flag() {
  return z.boolean({ error: 'must be true or false' })
}

/** A list with at least `min` items. */
export function list<Item extends z.ZodMiniType>(item: Item, min: number) {
  const items = z.array(item, { error: 'must be a list' })
  return min === 0
    ? items
    : items.check(z.minLength(min, { error: `must have at least ${min} item` }))
}

/** A list with 1 to `max` items. */
export function boundedList<Item extends z.ZodMiniType>(item: Item, max: number) {
  return list(item, 1).check(z.maxLength(max, { error: `must have at most ${max} items` }))
}

/** Members by name. */
export function mapOf<Value extends z.ZodMiniType>(
  name: z.ZodMiniType<string, string>,
  value: Value,
) {
  return z.record(name, value, { error: 'must be a mapping' })
}

/** Members that are all known; any other is refused. */
export function members<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  return z.strictObject(shape, {
    // An unknown member gets its message where the known names are at hand.
    error: (issue) => (issue.code === 'invalid_type' ? 'must be a mapping' : undefined),
  })
}

/** Name of a store, bucket, plan or policy: it stands in URLs, header fields and logs. */
export const nameSchema = z.string({ error: 'must be text' }).check(
  z.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, {
    error: 'must be named with 1 to 63 of A-Z, a-z, 0-9, ".", "_" and "-", a letter or digit first',
  }),
)

/** Name of a region of callers, as a header or `server.callerRegion` has it; case does not count. */
export const regionSchema = z.string({ error: 'must be text' }).check(
  z.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, {
    error: 'must be a region of 1 to 63 of A-Z, a-z, 0-9, ".", "_" and "-"',
  }),
  z.toLowerCase(),
)

/** Id of a tenant or user: whatever the operator calls them, on one line. */
export const idSchema = z.string({ error: 'must be text' }).check(
  z.regex(/^[^\p{Cc}\p{Cs}\p{Bidi_Control}]{1,128}$/u, {
    error: 'must be an id of 1 to 128 characters without controls',
  }),
)

/** A secret: the value itself only for trying out, else `${ENV}` or `file:PATH`. */
export const secretSchema = described(
  z.string({ error: 'must be text' }),
  // biome-ignore lint/suspicious/noTemplateCurlyInString: this is how a reference is written
  'A secret: ${ENVIRONMENT_VARIABLE}, or file:PATH beside the configuration file.',
)

/** How long a signed request may live; S3 ends it after seven days. */
export const expirySchema = integer(1, 604_800)

/** Content types as a list of essences. */
export const contentTypesSchema = list(text(255), 0)
