import { GatewayError } from '../errors.ts'
import { invalidMember } from './invalid.ts'

/** Algorithms of `x-amz-server-side-encryption` that a store can be asked for. */
export type EncryptionAlgorithm = 'AES256' | 'aws:kms'

/** What a caller asks to be stored with an object, besides its type and metadata. */
export interface WantedSettings {
  readonly cacheControl?: string | undefined
  readonly contentEncoding?: string | undefined
  readonly disposition?: 'attachment' | 'inline' | undefined
  readonly storageClass?: string | undefined
  readonly tags?: ReadonlyMap<string, string> | undefined
  readonly encryption?: EncryptionAlgorithm | undefined
}

/** What a bucket lets callers ask for. */
export interface SettingRules {
  readonly name: string
  readonly upload: {
    readonly storageClasses: ReadonlySet<string>
    readonly tagKeys: ReadonlySet<string>
    readonly encryption: {
      readonly default?: EncryptionAlgorithm
      readonly allowed: ReadonlySet<EncryptionAlgorithm>
    }
  }
  readonly download: { readonly disposition: 'attachment' | 'inline' }
}

/** S3 User Guide, object tagging: at most ten tags, keys of 128 and values of 256 characters. */
export const MAX_TAGS = 10
const MAX_TAG_KEY = 128
const MAX_TAG_VALUE = 256
/** The alphabet that every S3 store takes in tags. */
const TAG_TEXT = /^[\p{L}\p{N} +\-=._:/@]*$/u
/** RFC 9111 section 5.2: directives, joined by commas; quoted values are not needed for any of them. */
const CACHE_CONTROL = /^[A-Za-z-]+(?:=[0-9A-Za-z-]+)?(?:, ?[A-Za-z-]+(?:=[0-9A-Za-z-]+)?)*$/
/** RFC 9110 section 8.4.1: content codings, joined by commas. */
const CONTENT_ENCODING = /^[a-z0-9-]+(?:, ?[a-z0-9-]+)*$/

/**
 * Refuses what is malformed, whoever asks: throws `InvalidRequest`, which names the member. Nothing is
 * repaired.
 */
export function assertWellFormedSettings(wanted: WantedSettings): void {
  const { cacheControl, contentEncoding, tags } = wanted
  if (cacheControl !== undefined && !CACHE_CONTROL.test(cacheControl)) {
    throw invalidMember('cacheControl', 'must be directives as in "public, max-age=3600"')
  }
  if (contentEncoding !== undefined) {
    if (!CONTENT_ENCODING.test(contentEncoding)) {
      throw invalidMember('contentEncoding', 'must be content codings as in "gzip", in lower case')
    }
    // A transfer form of AWS SDKs: it would describe the request and not the object.
    if (contentEncoding.includes('aws-chunked')) {
      throw invalidMember('contentEncoding', 'must not be "aws-chunked"')
    }
  }
  if (tags === undefined) return
  if (tags.size > MAX_TAGS) throw invalidMember('tags', `must have at most ${MAX_TAGS} entries`)
  for (const [key, value] of tags) {
    if (key.length === 0 || key.length > MAX_TAG_KEY || !isTagText(key)) {
      throw invalidMember(
        'tags',
        `must have keys of 1 to ${MAX_TAG_KEY} letters, digits, + - = . _ : / @`,
      )
    }
    if (value.length > MAX_TAG_VALUE || !isTagText(value)) {
      throw invalidMember(
        `tags.${key}`,
        `must be at most ${MAX_TAG_VALUE} letters, digits, + - = . _ : / @`,
      )
    }
  }
}

/**
 * Passes what the bucket lets callers ask for. Throws `AccessDenied`, in words that name the setting:
 * that the bucket is there, the caller knows by now.
 */
export function authorizeSettings(
  wanted: WantedSettings,
  { name, upload, download }: SettingRules,
): void {
  if (wanted.disposition === 'inline' && download.disposition !== 'inline') {
    throw notOffered(name, 'disposition', 'inline')
  }
  const { storageClass, encryption } = wanted
  if (storageClass !== undefined && !upload.storageClasses.has(storageClass)) {
    throw notOffered(name, 'storage class', storageClass)
  }
  for (const key of wanted.tags?.keys() ?? []) {
    if (!upload.tagKeys.has(key)) throw notOffered(name, 'tag', key)
  }
  const { default: usual, allowed } = upload.encryption
  if (encryption !== undefined && encryption !== usual && !allowed.has(encryption)) {
    throw notOffered(name, 'encryption', encryption)
  }
}

function isTagText(text: string): boolean {
  return text.isWellFormed() && TAG_TEXT.test(text)
}

function notOffered(bucket: string, what: string, asked: string): GatewayError {
  return new GatewayError(
    'AccessDenied',
    `Cannot upload with ${what} "${asked}": bucket "${bucket}" does not offer it`,
  )
}
