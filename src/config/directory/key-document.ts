import * as z from 'zod/mini'
import { isKeyId, parseStoredHash } from '../../auth/api-key.ts'
import { IN_ENGLISH } from '../../issue-words.ts'
import { allowListSchema, allowSchema, MAX_ALLOW_RULES } from '../schema-allow.ts'
import { idSchema, integer, list, members, text } from '../schema-values.ts'

/** Secrets of one key that may work at the same time: the newest, and those that are being replaced. */
export const MAX_LIVE_SECRETS = 4

/** What a person calls a key: one line. */
export const keyLabelSchema = z.string({ error: 'must be text' }).check(
  z.regex(/^[^\p{Cc}\p{Cs}\p{Bidi_Control}]{1,128}$/u, {
    error: 'must be 1 to 128 characters without controls',
  }),
)

/** An id that a key may carry. */
export const keyIdSchema = z
  .string({ error: 'must be text' })
  .check(z.refine(isKeyId, { error: 'must be 1 to 64 letters and digits' }))

const momentSchema = integer(0, 8_640_000_000_000_000)

const secretSchema = members({
  hash: text(128).check(
    z.refine((hash) => parseStoredHash(hash) !== undefined, {
      error: 'must be a stored hash',
    }),
  ),
  last4: z.string({ error: 'must be text' }).check(
    z.regex(/^[0-9A-Za-z]{4}$/, {
      error: 'must be 4 letters and digits',
    }),
  ),
  createdAtMs: momentSchema,
  expiresAtMs: z.optional(momentSchema),
})

// Strict: a member that this version does not know may be what narrows the key.
const keyDocumentSchema = members({
  id: keyIdSchema,
  tenant: idSchema,
  user: idSchema,
  label: z.optional(keyLabelSchema),
  allow: list(allowSchema, 0).check(
    z.maxLength(MAX_ALLOW_RULES, {
      error: `must have at most ${MAX_ALLOW_RULES} items`,
    }),
  ),
  hashes: list(secretSchema, 0).check(
    z.maxLength(MAX_LIVE_SECRETS, {
      error: `must have at most ${MAX_LIVE_SECRETS} items`,
    }),
  ),
  createdAtMs: momentSchema,
  expiresAtMs: z.optional(momentSchema),
  revokedAtMs: z.optional(momentSchema),
}).check(
  z.refine(({ hashes, revokedAtMs }) => (hashes.length === 0) === (revokedAtMs !== undefined), {
    error: 'must have a hash, or be revoked',
    path: ['hashes'],
  }),
  z.refine(({ allow, revokedAtMs }) => allow.length > 0 || revokedAtMs !== undefined, {
    error: 'must have at least 1 item',
    path: ['allow'],
  }),
)

/**
 * An API key that was made by the admin API, as the directory keeps it. Its secrets are newest first; a
 * revoked key has none, and stays, so that its id never stands for another one. Moments are in
 * milliseconds.
 */
export type KeyDocument = Readonly<z.output<typeof keyDocumentSchema>>

/** One secret of a key: nothing in it lets anybody make the secret again. */
export type StoredSecret = KeyDocument['hashes'][number]

/**
 * The same document with its members in their one order, so that equal keys are equal texts. Throws for
 * what could not be read again: a fault of the program.
 */
export function orderedKeyDocument(document: KeyDocument): KeyDocument {
  return keyDocumentSchema.parse(document, IN_ENGLISH)
}

/** The text that the state store keeps of a key. Throws for what could not be read again. */
export function writeKeyDocument(document: KeyDocument): string {
  return JSON.stringify(orderedKeyDocument(document))
}

/**
 * A key from what the state store has, JSON that has been parsed: the document, or what is wrong with it
 * in one clause without any value of it.
 */
export function readKeyDocument(
  value: unknown,
): { readonly key: KeyDocument } | { readonly problem: string } {
  const result = keyDocumentSchema.safeParse(value, IN_ENGLISH)
  if (result.success) return { key: result.data }
  const [issue] = result.error.issues
  const path = issue?.path.map(String).join('.') ?? ''
  const unknown = issue?.code === 'unrecognized_keys'
  const message = unknown ? 'has a member that is unknown here' : issue?.message
  return {
    problem: `${path === '' ? 'the key' : `"${path}"`} ${message ?? 'is not as it must be'}`,
  }
}

const salvageSchema = z.object({
  tenant: idSchema,
  user: idSchema,
  label: z.catch(z.optional(keyLabelSchema), undefined),
  allow: z.catch(allowListSchema, []),
  createdAtMs: z.catch(momentSchema, 0),
  expiresAtMs: z.catch(z.optional(momentSchema), undefined),
  revokedAtMs: z.catch(z.optional(momentSchema), undefined),
})

/**
 * What can be told of a key from a text that `readKeyDocument` does not take, as a newer version may have
 * written it: enough to revoke it, without any secret. `undefined`: not even whose it is.
 */
export function salvagedKeyDocument(id: string, text: string): KeyDocument | undefined {
  const result = salvageSchema.safeParse(parsed(text))
  if (!result.success || !isKeyId(id)) return undefined
  const { label, expiresAtMs, revokedAtMs, ...rest } = result.data
  return {
    id,
    ...rest,
    hashes: [],
    ...(label !== undefined && { label }),
    ...(expiresAtMs !== undefined && { expiresAtMs }),
    ...(revokedAtMs !== undefined && { revokedAtMs }),
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
