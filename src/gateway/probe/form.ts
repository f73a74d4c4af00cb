import { GatewayError } from '../../errors.ts'
import { signForm } from '../../signing/form-grant.ts'
import type { ObjectBindings } from '../../signing/object-headers.ts'
import { placedKey } from '../../stores/object-url.ts'
import { type Answer, answerOf, isRefused, isTaken, textOfAnswer } from './answer.ts'
import {
  type Attack,
  allOf,
  capability,
  finding,
  judge,
  type Looked,
  together,
  type Verdict,
  verdict,
} from './look.ts'
import { FIVE } from './request.ts'
import type { ProbeRun } from './run.ts'

type Fields = Readonly<Record<string, string>>

const EXPIRED_LIFETIME_MS = 60_000
/** Nobody's. */
const OTHER_BUCKET = 'signet-probe-elsewhere'

/** A form, what is made of it after it was signed, and the file. */
interface FormAttempt {
  readonly label: string
  /** Where the object lands. */
  readonly key: string
  /** What was signed. Default: `key`. */
  readonly signedKey?: string
  readonly changed?: (fields: Fields) => Fields
  /** Fields that come a second time. The object may be there as it was granted, and as nothing else. */
  readonly twice?: Fields
  /** Default: `FIVE`, whose length is signed. */
  readonly file?: string
  readonly bindings?: ObjectBindings
  /** The object may be there, where the form was sent to. Default false. */
  readonly mayLand?: boolean
  /** Default: as all of the run's grants. */
  readonly lifetime?: { readonly nowMs: number; readonly expiresAtMs: number }
}

/**
 * Step 24: a form with a POST policy, and then forms that break each of its conditions. The policy
 * counts only where the first is taken and every other refused: a store that takes a form whatever
 * its policy says has none.
 */
export async function probePostPolicy(run: ProbeRun): Promise<Looked> {
  const key = run.newKey()
  const answer = await sendForm(run, { label: '', key }).catch(unlessUnfit)
  if (answer === undefined) {
    const none: Verdict = { value: 'no', seen: 'no form can carry what is pinned' }
    return together(capability(24, 'postPolicy', none), finding(24, 'postStrict', none))
  }
  const there = isTaken(answer) && (await arrived(run, key))
  const seen = `right form: ${textOfAnswer(answer)}${there ? '' : ', nothing there'}`
  if (!there) {
    const none: Verdict = { value: 'no', seen }
    return together(capability(24, 'postPolicy', none), finding(24, 'postStrict', none))
  }
  const unwritten = run.newKey()
  const strict = allOf(
    await run.judgeUnwritten(
      unwritten,
      attacksOn(run, unwritten).map((attempt) => attackBy(run, attempt)),
    ),
    await judge([toOtherBucket(run), withFieldTwice(run)].map((each) => attackBy(run, each))),
  )
  const all = { value: strict.value, seen: `${seen}; ${strict.seen}` }
  return together(
    capability(24, 'postPolicy', all),
    finding(24, 'postStrict', strict),
    strict.value === 'yes' ? await probeFormHeaders(run) : { findings: [] },
  )
}

/** A header that the profile pins may be none that a form has a field for: then no form is signed. */
function unlessUnfit(error: unknown): undefined {
  if (error instanceof GatewayError && error.code === 'InternalError') return undefined
  throw error
}

/** Whether what a form says of the object besides its type is kept: some check it and then drop it. */
async function probeFormHeaders(run: ProbeRun): Promise<Looked> {
  const key = run.newKey()
  const bindings = { cacheControl: 'max-age=31', contentDisposition: 'attachment' }
  const answer = await sendForm(run, { label: '', key, bindings })
  const seen = textOfAnswer(answer)
  if (!isTaken(answer)) return capability(24, 'formHeaders', verdict(false, seen))
  const { headers } = await run.ask({ method: 'HEAD', key })
  const kept =
    headers.get('cache-control') === bindings.cacheControl &&
    headers.get('content-disposition') === bindings.contentDisposition
  return capability(24, 'formHeaders', verdict(kept, `${seen}, ${kept ? 'kept' : 'dropped'}`))
}

async function arrived(run: ProbeRun, key: string): Promise<boolean> {
  const head = await run.head(key)
  if (!head.found || head.sizeBytes !== FIVE.length) return false
  return head.contentType === 'text/plain' && head.metadata.get('probe') === 'form'
}

function attackBy(run: ProbeRun, attempt: FormAttempt): Attack {
  return {
    label: attempt.label,
    strike: async () => {
      const answer = await sendForm(run, attempt)
      const seen = textOfAnswer(answer)
      if (isRefused(answer)) return { held: true, seen }
      // A field that names another bucket may be passed over: then the bytes lie where they should.
      const landed =
        (attempt.mayLand === true && (await run.sizeOf(attempt.key)) !== undefined) ||
        (attempt.twice !== undefined && (await arrived(run, attempt.key)))
      // At once, for it may be public.
      await run.remove(attempt.key)
      return { held: landed, seen }
    },
  }
}

function toOtherBucket(run: ProbeRun): FormAttempt {
  const changed = (fields: Fields) => ({ ...fields, bucket: OTHER_BUCKET })
  return { label: 'other bucket', key: run.newKey(), changed, mayLand: true }
}

/** Which of the two counts is the store's affair, as long as it is what the policy has. */
function withFieldTwice(run: ProbeRun): FormAttempt {
  return { label: 'type twice', key: run.newKey(), twice: { 'Content-Type': 'text/html' } }
}

/** On a key that must stay empty. */
function attacksOn(run: ProbeRun, key: string): readonly FormAttempt[] {
  const changing = (label: string, changes: Fields): FormAttempt => ({
    label,
    key,
    changed: (fields) => ({ ...fields, ...changes }),
  })
  const leavingOut = (name: string): FormAttempt => ({
    label: `without ${name}`,
    key,
    changed: ({ [name]: _, ...others }) => others,
  })
  const longAgoMs = run.longAgoMs()
  const expired = { nowMs: longAgoMs, expiresAtMs: longAgoMs + EXPIRED_LIFETIME_MS }
  return [
    changing('field more', { 'x-amz-meta-added': 'yes' }),
    changing('acl', { acl: 'public-read' }),
    changing('other type', { 'Content-Type': 'text/html' }),
    changing('other metadata', { 'x-amz-meta-probe': 'changed' }),
    { label: 'one byte above', key, file: `${FIVE}!` },
    { label: 'one byte below', key, file: FIVE.slice(1) },
    { label: 'other key', key, signedKey: run.newKey() },
    { label: 'forged policy', key, changed: withForgedPolicy },
    leavingOut('Content-Type'),
    leavingOut('x-amz-meta-signet'),
    { label: 'expired', key, lifetime: expired },
  ]
}

/** One field more, which the policy now has and the signature does not. */
function withForgedPolicy(fields: Fields): Fields {
  const added = { 'x-amz-meta-added': 'yes' }
  const { policy = '' } = fields
  const signed: { readonly conditions: readonly unknown[] } = JSON.parse(atob(policy))
  const forged = { ...signed, conditions: [...signed.conditions, added] }
  return { ...fields, ...added, policy: btoa(JSON.stringify(forged)) }
}

async function sendForm(run: ProbeRun, attempt: FormAttempt): Promise<Answer> {
  const { key, signedKey = key, changed = (fields) => fields, file = FIVE } = attempt
  const { bindings = {}, lifetime = run.lifetime() } = attempt
  const { presigner } = run.context
  const { placement, key: objectKey } = run.place(signedKey)
  // The gateway sends the form itself, so it goes where its other calls go.
  const store = { ...placement.store, publicEndpoint: placement.store.endpoint }
  const form = await signForm(presigner, {
    place: { placement: { ...placement, store }, key: objectKey },
    minBytes: FIVE.length,
    maxBytes: FIVE.length,
    contentType: 'text/plain',
    metadata: new Map([['probe', 'form']]),
    ticket: 'probe',
    bindings,
    ...lifetime,
  })
  const body = new FormData()
  const fields = changed({ ...form.fields.reveal(), key: placedKey(run.place(key)) })
  const { twice = {} } = attempt
  for (const [name, value] of [...Object.entries(fields), ...Object.entries(twice)]) {
    body.append(name, value)
  }
  body.append(form.fileField, new Blob([file]), 'probe.txt')
  run.written.add(key)
  const answer = await answerOf(await run.sender.send(form.url, () => ({ method: 'POST', body })))
  if (isRefused(answer)) run.written.forget(key)
  return answer
}
