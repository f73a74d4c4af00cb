import type { FormPart } from '../support/send-form.ts'
import { sendFormParts } from '../support/send-form.ts'
import { sendPut } from '../support/send-put.ts'
import { realStores, type StoreUnderTest } from '../support/stores/stores-under-test.ts'
import { type CreatedForm, createForm } from './form-fixture.ts'
import type { Created, GatewayOnStore } from './gateway-on-store.ts'
import { type CreatedParts, createParts } from './multipart-fixture.ts'

/** Bytes of every upload here, whatever its form. */
export const SIZE = 1_000
export const FULL = new Uint8Array(SIZE)
const TYPE = 'image/jpeg'

export type Form = 'put' | 'post' | 'multipart'

/** A form of grant on a store that has it. */
export interface Case {
  readonly form: Form
  readonly store: StoreUnderTest
  readonly kind: StoreUnderTest['kind']
}

/** Every form on every real store that has it: forms with a policy are Ceph's alone. */
export function formsOnStores(): readonly Case[] {
  return (['put', 'post', 'multipart'] as const).flatMap((form) =>
    realStores()
      .filter(({ kind }) => form !== 'post' || kind === 'ceph')
      .map((store) => ({ form, store, kind: store.kind })),
  )
}

/** What somebody who holds a grant sends instead of what was granted. */
export interface Bent {
  readonly body?: Uint8Array
  readonly chunked?: boolean
  /** Over those of the grant, by the header's name; of a form they are its fields. `undefined` takes one out. */
  readonly headers?: Readonly<Record<string, string | undefined>>
  /** Of the request around a form. */
  readonly requestHeaders?: Readonly<Record<string, string>>
  /** Where it goes. */
  readonly key?: string
  readonly bucket?: string
  readonly signature?: string
}

/** An upload of exactly `SIZE` bytes in this form, with what it promises. */
export interface Held extends Created {
  readonly guarantees: {
    readonly size: string
    readonly contentType: boolean
    readonly writeOnce: boolean
    readonly checksum: string
    readonly unpinnedHeaders: readonly string[]
  }
  /** Sends it; answers the store's status. */
  send(bent?: Bent): Promise<number>
}

/** Creates an upload of exactly `SIZE` bytes at a key. */
export async function hold(
  gateway: GatewayOnStore,
  form: Form,
  key: string,
  body: Readonly<Record<string, unknown>> = {},
): Promise<Held> {
  const wanted = { key, sizeBytes: SIZE, contentType: TYPE, ...body }
  if (form === 'put') {
    const upload = await gateway.create(wanted)
    return { ...(upload as Held), send: (bent) => sendBentPut(gateway, upload, bent) }
  }
  if (form === 'multipart') {
    const upload = await createParts(gateway, wanted)
    return { ...(upload as Created as Held), send: (bent) => sendBentPart(gateway, upload, bent) }
  }
  const upload = await createForm(gateway, { ...wanted, maxSizeBytes: undefined })
  return { ...(upload as Created as Held), send: (bent) => sendBentForm(gateway, upload, bent) }
}

async function sendBentPut(
  { storeBucket }: GatewayOnStore,
  { request, key }: Created,
  bent: Bent = {},
): Promise<number> {
  if (request === undefined) throw new Error('the upload has no grant')
  const { body = FULL, chunked = false, headers = {}, bucket, signature } = bent
  const there = `/${storeBucket}/${encodePath(key)}?`
  const elsewhere = `/${bucket ?? storeBucket}/${encodePath(bent.key ?? key)}?`
  const signed = request.url.replace(there, elsewhere)
  const url =
    signature === undefined
      ? signed
      : signed.replace(/X-Amz-Signature=\w+/, `X-Amz-Signature=${signature}`)
  return sendPut({ url, headers: request.headers }, { body, chunked, headers })
}

/** Sends the only part and completes; answers the first status that is not 200. */
async function sendBentPart(
  gateway: GatewayOnStore,
  upload: CreatedParts,
  bent: Bent = {},
): Promise<number> {
  const [part] = upload.multipart.parts
  const status = await sendBentPut(
    gateway,
    { ...upload, ...(part && { request: part.request }) },
    bent,
  )
  return status === 200 ? (await gateway.complete(upload.id)).status : status
}

async function sendBentForm(
  { storeBucket }: GatewayOnStore,
  { form }: CreatedForm,
  bent: Bent = {},
): Promise<number> {
  const { body = FULL, chunked = false, headers = {}, requestHeaders = {}, bucket } = bent
  const fields = new Map(Object.entries(form.fields))
  for (const [header, value] of Object.entries(headers)) {
    const name = FIELD_OF[header] ?? header
    if (value === undefined) fields.delete(name)
    else fields.set(name, value)
  }
  if (bent.key !== undefined) fields.set('key', bent.key)
  if (bent.signature !== undefined) fields.set('x-amz-signature', bent.signature)
  const url = bucket === undefined ? form.url : form.url.replace(storeBucket, bucket)
  const parts: FormPart[] = Array.from(fields, ([name, value]) => ({ name, value }))
  parts.push({ name: form.fileField, value: body, filename: 'cat.jpg' })
  return sendFormParts(url, parts, { headers: requestHeaders, chunked })
}

/** Headers as S3 calls them in a form (API reference, POST Object). */
const FIELD_OF: Readonly<Record<string, string>> = {
  'content-type': 'Content-Type',
  'cache-control': 'Cache-Control',
  'content-disposition': 'Content-Disposition',
  'content-encoding': 'Content-Encoding',
  expires: 'Expires',
  'x-amz-acl': 'acl',
  'x-amz-tagging': 'tagging',
}

function encodePath(key: string): string {
  return key.split('/').map(encodeURIComponent).join('/')
}
