import { signatureOfText } from '../sigv4-verifier.ts'
import { dateMs, scopeOf } from './authenticate.ts'
import type { Call } from './call.ts'
import type { Lie } from './lies.ts'
import { accessDenied, S3Error } from './s3-error.ts'
import { signatureMismatch } from './tampering.ts'

/** A form as it arrived. */
export interface Form {
  /** Lower-case names. */
  readonly fields: ReadonlyMap<string, string>
  /** What came again, where a store takes that. */
  readonly last: ReadonlyMap<string, string>
  readonly file: Buffer
  readonly filename: string
}

/** Fields that no condition has to name (S3 API, POST policy). */
const UNNAMED = new Set(['policy', 'x-amz-signature', 'file'])

/** One condition as it was understood. */
interface Condition {
  /** Lower case; `content-length-range` is none of a field. */
  readonly name: string
  readonly holds: (value: string) => boolean
}

/** Throws unless the form is what its policy allows, the policy is signed, and not over. */
export function checkPolicy(call: Call, form: Form): void {
  const { fields } = form
  const refuse = (error: S3Error, ...lies: Lie[]) => call.refuse(error, 'formsUnlocked', ...lies)
  const policy = fields.get('policy')
  if (policy === undefined) {
    refuse(accessDenied())
    return
  }
  const { credential, scope } = scopeOf(call, fields.get('x-amz-credential') ?? '', malformed)
  call.credential = credential
  call.demand('write')
  const right = signatureOfText(policy, scope, credential.secretAccessKey)
  if (right !== fields.get('x-amz-signature')) refuse(signatureMismatch(), 'formForged')
  dateMs(fields.get('x-amz-date') ?? '')
  const { expiration, conditions }: { expiration: string; conditions: readonly unknown[] } =
    JSON.parse(Buffer.from(policy, 'base64').toString())
  if (!(Date.parse(expiration) > call.world.nowMs())) {
    refuse(broken('Policy expired'), 'formExpired')
  }
  const named = new Set<string>()
  for (const condition of conditions) {
    if (Array.isArray(condition) && condition[0] === 'content-length-range') {
      checkRange(refuse, form.file.length, { min: Number(condition[1]), max: Number(condition[2]) })
      continue
    }
    const { name, holds } = understood(condition)
    named.add(name)
    const values = valuesOf(call, fields, name)
    if (values.length === 0) refuse(broken(`${name} is missing`), 'formMissing')
    if (!values.every(holds)) refuse(broken(`${name} is wrong`), ...lieOf(name))
  }
  for (const name of fields.keys()) {
    if (UNNAMED.has(name) || name.startsWith('x-ignore-') || named.has(name)) continue
    const lie = name === 'acl' || name === 'x-amz-acl' ? 'formAcl' : 'formExtraField'
    refuse(broken(`Extra input field ${name}`), lie)
  }
}

/** The bucket is that of the URL, whatever a field says, and then of the field as well. */
function valuesOf(call: Call, fields: Form['fields'], name: string): readonly string[] {
  const sent = fields.get(name)
  const values = sent === undefined ? [] : [sent]
  return name === 'bucket' ? [call.received.bucketName, ...values] : values
}

function understood(condition: unknown): Condition {
  if (Array.isArray(condition)) {
    const [kind, field, wanted] = condition.map(String)
    const name = field?.replace(/^\$/, '').toLowerCase()
    if (name === undefined || wanted === undefined) throw malformed('a condition')
    if (kind === 'eq') return { name, holds: (value) => value === wanted }
    if (kind === 'starts-with') return { name, holds: (value) => value.startsWith(wanted) }
    throw malformed('a condition')
  }
  const [entry, ...others] = Object.entries(condition ?? {})
  if (entry === undefined || others.length > 0) throw malformed('a condition')
  return { name: entry[0].toLowerCase(), holds: (value) => value === String(entry[1]) }
}

function lieOf(name: string): readonly Lie[] {
  if (name === 'key') return ['formKey']
  if (name === 'bucket') return ['formBucket']
  if (name === 'content-type') return ['formType']
  return name.startsWith('x-amz-meta-') ? ['formMetadata'] : []
}

function checkRange(
  refuse: (error: S3Error, lie: Lie) => void,
  length: number,
  { min, max }: { min: number; max: number },
): void {
  if (length > max) refuse(new S3Error(400, 'EntityTooLarge', 'Too large'), 'formAbove')
  if (length < min) refuse(new S3Error(400, 'EntityTooSmall', 'Too small'), 'formBelow')
}

function broken(why: string): S3Error {
  return accessDenied(`Invalid according to Policy: ${why}`)
}

function malformed(what: string): S3Error {
  return new S3Error(400, 'InvalidPolicyDocument', `The form is malformed: ${what}`)
}
