import { type Created, type GatewayOnStore, gatewayOnStore } from './gateway-on-store.ts'

/** A created upload whose grant is a form. */
export interface CreatedForm extends Created {
  readonly sizeBytes: number
  readonly guarantees: Record<string, unknown>
  readonly form: {
    readonly url: string
    readonly fields: Record<string, string>
    readonly fileField: string
  }
}

/** Most that the form of `createForm` takes. */
export const MAX_BYTES = 1_000

type Options = Parameters<typeof gatewayOnStore>[1]

/** A gateway on a real store whose bucket does not ask for write-once, which no form can carry. */
export function gatewayForForms(
  store: Parameters<typeof gatewayOnStore>[0],
  options: Options = {},
): Promise<GatewayOnStore> {
  return gatewayOnStore(store, options)
}

/** POST /v1/uploads with mode "post" and an upper bound, unless the body says otherwise. */
export async function createForm(
  gateway: GatewayOnStore,
  body: Readonly<Record<string, unknown>> = {},
): Promise<CreatedForm> {
  const wanted = { mode: 'post', maxSizeBytes: MAX_BYTES, sizeBytes: undefined, ...body }
  return (await gateway.create(wanted)) as CreatedForm
}

/** How a form differs from the one that was granted. */
export interface FormChanges {
  /** Over those of the grant; `undefined` takes one out. */
  readonly fields?: Readonly<Record<string, string | undefined>>
  readonly url?: string
  readonly files?: readonly Uint8Array<ArrayBuffer>[]
}

/** Sends a form as a browser does, the file last; answers the store's status. */
export async function sendForm(
  { form }: CreatedForm,
  bytes: number,
  { fields = {}, url = form.url, files = [new Uint8Array(bytes)] }: FormChanges = {},
): Promise<number> {
  const body = new FormData()
  for (const [name, value] of Object.entries({ ...form.fields, ...fields })) {
    if (value !== undefined) body.append(name, value)
  }
  for (const file of files) body.append(form.fileField, new Blob([file]), 'cat.jpg')
  const answer = await fetch(url, { method: 'POST', body })
  await answer.bytes()
  return answer.status
}
