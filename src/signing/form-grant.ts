import { GatewayError } from '../errors.ts'
import { toAmzDate } from '../stores/amz-date.ts'
import { bucketLocation, placedKey } from '../stores/object-url.ts'
import type { StoreCredential } from '../stores/store.ts'
import type { ObjectPlace } from '../stores/store-client.ts'
import { type AskedForm, assertForm } from './assert-form.ts'
import { formFields } from './form-fields.ts'
import { signedLifetime } from './grant.ts'
import { objectHeaders, type WantedObject } from './object-headers.ts'
import type { PolicySigner, Presigner } from './presigner.ts'
import { credentialScope } from './scope.ts'
import { SignedFields } from './signed-fields.ts'

/** One form to be signed. Whether the store keeps all of it has been decided before. */
export interface WantedForm extends WantedObject {
  readonly place: ObjectPlace
  /** Default: the store's `write` credential. */
  readonly credential?: StoreCredential
  /** Smallest and largest body, in bytes, both allowed. */
  readonly minBytes: number
  readonly maxBytes: number
  readonly nowMs: number
  readonly expiresAtMs: number
}

/** A signed form: whoever holds it may send it, more than once, until it expires. */
export interface FormGrant {
  /** The store's bucket, at its public endpoint. */
  readonly url: string
  /** To be sent in this order, and the file behind them. */
  readonly fields: SignedFields
  readonly fileField: 'file'
  /** Whole seconds, in milliseconds; rounded down from what was asked for. */
  readonly expiresAtMs: number
}

/**
 * Signs an upload by a form with a POST policy that pins every field, the bucket and the range of
 * sizes, and checks what came out. Throws `InvalidKey` for a key that holds `${filename}`, for stores
 * put the file's name there; `InvalidRequest` for what cannot be a header; `UnsupportedByStore` for a
 * lifetime above the store's; `InternalError` when the outcome is anything but what was asked.
 * Source: AWS Signature Version 4, creating a POST policy.
 */
export async function signForm(presigner: Presigner, wanted: WantedForm): Promise<FormGrant> {
  const { placement } = wanted.place
  const { store } = placement
  const credential = wanted.credential ?? store.credentials.write
  const { signedAtMs, expiresAtMs } = signedLifetime(store.capabilities, wanted, credential)
  const signer = { credential, region: store.region, signedAtMs }
  const { origin, path } = bucketLocation(store, 'publicEndpoint', placement.bucket)
  const asked: AskedForm = {
    url: `${origin}${path}`,
    bucket: placement.bucket,
    fields: boundFields(wanted, signer),
    minBytes: wanted.minBytes,
    maxBytes: wanted.maxBytes,
    expiresAtMs,
  }
  const policy = toBase64(policyText(asked))
  const signature = await presigner.signPolicy(policy, signer)
  const fields = new SignedFields([
    ...asked.fields,
    ['policy', policy],
    ['x-amz-signature', signature],
  ])
  assertForm(asked, { url: asked.url, fields })
  return { url: asked.url, fields, fileField: 'file', expiresAtMs }
}

/** Every field but policy, signature and file; key and type first, as the policy has them. */
function boundFields(wanted: WantedForm, signer: PolicySigner): Map<string, string> {
  const { capabilities } = wanted.place.placement.store
  const { accessKeyId, sessionToken } = signer.credential
  const fields = new Map([
    ['key', formKey(wanted.place)],
    ['Content-Type', wanted.contentType],
    ['success_action_status', '201'],
    ...formFields(objectHeaders(capabilities, wanted)),
    ['x-amz-algorithm', 'AWS4-HMAC-SHA256'],
    ['x-amz-credential', `${accessKeyId}/${credentialScope(signer)}`],
    ['x-amz-date', toAmzDate(signer.signedAtMs)],
  ])
  if (sessionToken !== undefined) fields.set('x-amz-security-token', sessionToken.reveal())
  return fields
}

/** The policy, in the two forms of "equals" that AWS's own examples have: stores read both. */
function policyText({ bucket, fields, minBytes, maxBytes, expiresAtMs }: AskedForm): string {
  const [key, contentType, ...others] = Array.from(fields, ([name, value]) =>
    name === 'key' || name === 'Content-Type' ? ['eq', `$${name}`, value] : { [name]: value },
  )
  const range = ['content-length-range', minBytes, maxBytes]
  return JSON.stringify({
    expiration: new Date(expiresAtMs).toISOString(),
    conditions: [{ bucket }, key, contentType, range, ...others],
  })
}

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: this is what stores look for
/** The key as a form names it. Throws `InvalidKey` for one that stores would write a file's name into. */
export function formKey(place: ObjectPlace): string {
  const key = placedKey(place)
  if (!key.includes('${filename}')) return key
  throw new GatewayError(
    'InvalidKey',
    'Cannot use the key: in a form, stores fill in "${filename}"',
  )
}
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: the end of it

function toBase64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)))
}
