import type { Principal } from '../auth/principal.ts'
import { ObjectKey } from '../object-key.ts'
import { accessDenied } from './authorize.ts'
import { acceptFilename } from './filename.ts'
import { invalidMember } from './invalid.ts'
import { expandTemplate, usesVariable } from './key-template.ts'

/**
 * How a bucket names its objects: by a template of its own, or by the caller below a prefix. The
 * same shape as a bucket's `keys`.
 */
export type KeyNaming =
  | { readonly kind: 'template'; readonly template: string }
  | { readonly kind: 'caller'; readonly callerPrefix: string }

/** What a new key is made of. */
export interface KeyParts {
  readonly principal: Pick<Principal, 'tenant' | 'user'>
  /** `key` of the request. */
  readonly wantedKey?: string | undefined
  /** `filename` of the request; not checked yet. */
  readonly filename?: string | undefined
  /** `YYYY-MM-DD`. */
  readonly date: string
  /** Different for every upload. */
  readonly uuid: string
}

/**
 * The key of a new object.
 *
 * With a caller's prefix, the wanted key is the whole key, as it is for downloads and deletes, and
 * must start with the rendered prefix: `AccessDenied` otherwise. With a template, a wanted key is
 * the part that stands for `{key}`, and `InvalidRequest` where the template has none. Throws
 * `InvalidRequest` for what is missing, `InvalidKey` for what is no object key.
 */
export function renderKey(naming: KeyNaming, parts: KeyParts): ObjectKey {
  return naming.kind === 'caller'
    ? callersKey(naming.callerPrefix, parts)
    : templateKey(naming.template, parts)
}

/**
 * The prefix that a caller's keys must start with. Tenant and user are the only variables in it.
 */
export function renderPrefix(
  callerPrefix: string,
  { tenant, user }: Pick<Principal, 'tenant' | 'user'>,
): string {
  const values: Partial<Record<string, string>> = {
    tenant: toSegment(tenant),
    user: toSegment(user),
  }
  return expandTemplate(callerPrefix, (variable) => values[variable] ?? `{${variable}}`)
}

/** What every key of this owner's new objects starts with; empty when nothing is fixed. */
export function fixedPrefix(naming: KeyNaming, owner: Pick<Principal, 'tenant' | 'user'>): string {
  const template = naming.kind === 'caller' ? naming.callerPrefix : naming.template
  return renderPrefix(template, owner).replace(/\{(?:date|uuid|filename|key)\}.*$/s, '')
}

/**
 * An id as one segment of a key: `/`, `\`, `%` and controls percent-encoded, dots too where there is
 * nothing else, so that no id reaches another's segment. Different ids give different segments.
 */
export function toSegment(id: string): string {
  if (/^\.+$/.test(id)) return '%2E'.repeat(id.length)
  return id.replace(ESCAPED, (character) => {
    const hex = character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')
    return `%${hex}`
  })
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what must not get through
const ESCAPED = /[\u0000-\u001f\u007f%/\\]/g

function callersKey(callerPrefix: string, { principal, wantedKey }: KeyParts): ObjectKey {
  if (wantedKey === undefined) {
    throw invalidMember('key', 'is required: callers of this bucket name its objects')
  }
  const key = ObjectKey.parse(wantedKey)
  if (!key.text.startsWith(renderPrefix(callerPrefix, principal))) throw accessDenied()
  return key
}

function templateKey(template: string, parts: KeyParts): ObjectKey {
  const { principal, wantedKey, date, uuid } = parts
  if (wantedKey !== undefined && !usesVariable(template, 'key')) {
    throw invalidMember('key', 'must be left out: the bucket names its objects itself')
  }
  const filename = parts.filename === undefined ? '' : acceptFilename(parts.filename)
  const values = {
    tenant: toSegment(principal.tenant),
    user: toSegment(principal.user),
    date,
    uuid,
    filename,
    key: usesVariable(template, 'key') ? callersPart(wantedKey) : '',
  }
  const used = filename === '' ? withoutFilename(template) : template
  return ObjectKey.parse(expandTemplate(used, (variable) => values[variable]))
}

// Checked alone as well: joined to what stands around it, `/x` or `..` would look harmless.
function callersPart(wantedKey: string | undefined): string {
  if (wantedKey === undefined) throw invalidMember('key', 'is required: it is a part of the key')
  return ObjectKey.parse(wantedKey).text
}

/** Takes `{filename}` away, with one separator beside it: `{uuid}-{filename}` becomes `{uuid}`. */
function withoutFilename(template: string): string {
  const segments = template.split('/').map((segment) => {
    const rest = segment.replace(/[-_.]\{filename\}|\{filename\}[-_.]?/g, '')
    if (rest === '' && segment !== '') {
      throw invalidMember('filename', 'is required: it is a part of the key')
    }
    return rest
  })
  return segments.join('/')
}
