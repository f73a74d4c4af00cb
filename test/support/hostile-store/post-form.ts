import { type Answer, type Call, keptKey } from './call.ts'
import { checkPolicy, type Form } from './form-policy.ts'
import { type Kept, keptHeaders } from './kept-headers.ts'
import { md5Of, type StoredObject } from './memory-bucket.ts'
import { storeObject, versionHeaders } from './put-object.ts'
import { S3Error } from './s3-error.ts'
import { xmlOf } from './xml-of.ts'

/** POST of a form to a bucket: its policy decides (S3 API, POST Object). */
export async function postForm(call: Call): Promise<Answer> {
  if (call.lies('formsRefused')) throw new S3Error(405, 'MethodNotAllowed', 'Not allowed')
  const form = await readForm(call)
  checkPolicy(call, form)
  const fields = new Map([...form.fields, ...form.last])
  const wanted = fields.get('key') ?? ''
  const key = keptKey(call, wanted.replaceAll(`\${filename}`, form.filename))
  if (key === '') throw new S3Error(400, 'InvalidArgument', 'The form has no key')
  const kept = keptHeaders(call, {
    names: [...fields.keys()],
    value: (name) => (dropped(call, name) ? undefined : fields.get(name)),
  })
  if (call.lies('formStoresNothing')) return { status: 204 }
  const named = call.lies('formBucket') ? fields.get('bucket') : undefined
  const stored =
    named === undefined || named === call.received.bucketName
      ? storeObject(call, key, form.file, kept)
      : storeElsewhere(call, named, { key, body: form.file, kept })
  const headers = { etag: stored.etag, ...versionHeaders(stored) }
  if (fields.get('success_action_status') !== '201') return { status: 204, headers }
  const body = xmlOf('PostResponse', [
    ['Bucket', call.received.bucketName],
    ['Key', key],
    ['ETag', stored.etag],
  ])
  return { status: 201, headers: { ...headers, 'content-type': 'application/xml' }, body }
}

/** Wherever a field says; in a bucket that is not there, nobody looks. */
function storeElsewhere(
  call: Call,
  bucketName: string,
  { key, body, kept }: { key: string; body: Buffer; kept: Kept },
): StoredObject {
  const object = { body, etag: `"${md5Of(body)}"`, ...kept, modifiedMs: call.world.nowMs() }
  return call.world.buckets.get(bucketName)?.put(key, object) ?? object
}

function dropped(call: Call, name: string): boolean {
  return call.lies('formHeadersDropped') && /^cache-control$|^content-(?!type)/.test(name)
}

/** A field twice is refused; what comes behind the file is ignored. */
async function readForm(call: Call): Promise<Form> {
  const headers = { 'content-type': call.header('content-type') ?? '' }
  const malformed = () => new S3Error(400, 'MalformedPOSTRequest', 'The body is not well-formed')
  const body = new Uint8Array(await call.received.body())
  const parsed = await new Response(body, { headers }).formData().catch(() => {
    throw malformed()
  })
  const fields = new Map<string, string>()
  const last = new Map<string, string>()
  for (const [name, value] of parsed) {
    if (typeof value !== 'string') {
      const file = Buffer.from(await value.arrayBuffer())
      return { fields, last, file, filename: value.name }
    }
    if (!fields.has(name.toLowerCase())) fields.set(name.toLowerCase(), value)
    else if (call.lies('formTwice')) last.set(name.toLowerCase(), value)
    else throw malformed()
  }
  throw new S3Error(400, 'InvalidArgument', 'POST requires exactly one file upload per request')
}
