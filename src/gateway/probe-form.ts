import { signForm } from '../signing/form-grant.ts'
import type { ObjectBindings } from '../signing/object-headers.ts'
import type { Capabilities } from '../stores/capabilities.ts'
import { placedKey } from '../stores/object-url.ts'
import { FIVE, isRefused, isTaken, type ProbeRun } from './probe-run.ts'

type Fields = Readonly<Record<string, string>>

/** How long ago an expired form was signed: less than the 15 minutes by which a date may be off. */
const EXPIRED_AGO_MS = 600_000
const EXPIRED_LIFETIME_MS = 60_000

/** A form, what is made of it after it was signed, and the file. */
interface FormAttempt {
  /** Where the object lands. */
  readonly key: string
  /** What was signed. Default: `key`. */
  readonly signedKey?: string
  readonly changed?: (fields: Fields) => Fields
  /** Default: `FIVE`, whose length is signed. */
  readonly file?: string
  readonly bindings?: ObjectBindings
  /** Default: as all of the run's grants. */
  readonly lifetime?: { readonly nowMs: number; readonly expiresAtMs: number }
}

/**
 * Step 24: a form with a POST policy, and then forms that break each of its conditions. The policy
 * counts only where the first is taken and every other refused: a store that takes a form whatever
 * its policy says has none.
 */
export async function probePostPolicy(run: ProbeRun): Promise<Partial<Capabilities>> {
  const key = run.newKey()
  if (!isTaken(await sendForm(run, { key })) || !(await arrived(run, key))) {
    return { postPolicy: 'no' }
  }
  for (const attack of attacks(run)) {
    const status = await sendForm(run, attack)
    if (!isRefused(status) || (await run.sizeOf(attack.key)) !== undefined) {
      return { postPolicy: 'no' }
    }
  }
  return { postPolicy: 'yes', ...(await probeFormHeaders(run)) }
}

/** Whether what a form says of the object besides its type is kept: some check it and then drop it. */
async function probeFormHeaders(run: ProbeRun): Promise<Partial<Capabilities>> {
  const key = run.newKey()
  const bindings = { cacheControl: 'max-age=31', contentDisposition: 'attachment' }
  if (!isTaken(await sendForm(run, { key, bindings }))) return { formHeaders: 'no' }
  const answer = await run.get({ method: 'GET', key })
  await answer.body?.cancel()
  const { headers } = answer
  const kept =
    headers.get('cache-control') === bindings.cacheControl &&
    headers.get('content-disposition') === bindings.contentDisposition
  return { formHeaders: kept ? 'yes' : 'no' }
}

async function arrived(run: ProbeRun, key: string): Promise<boolean> {
  const head = await run.context.storeClient.head(run.place(key))
  if (!head.found || head.sizeBytes !== FIVE.length) return false
  return head.contentType === 'text/plain' && head.metadata.get('probe') === 'form'
}

/** Each on a key of its own, that must stay empty. */
function attacks(run: ProbeRun): readonly FormAttempt[] {
  const changing = (changes: Fields): FormAttempt => ({
    key: run.newKey(),
    changed: (fields) => ({ ...fields, ...changes }),
  })
  const leavingOut = (name: string): FormAttempt => ({
    key: run.newKey(),
    changed: ({ [name]: _, ...others }) => others,
  })
  const longAgoMs = run.lifetime().nowMs - EXPIRED_AGO_MS
  const expired = { nowMs: longAgoMs, expiresAtMs: longAgoMs + EXPIRED_LIFETIME_MS }
  return [
    changing({ 'x-amz-meta-added': 'yes' }),
    changing({ acl: 'public-read' }),
    changing({ 'Content-Type': 'text/html' }),
    changing({ 'x-amz-meta-probe': 'changed' }),
    { key: run.newKey(), file: `${FIVE}!` },
    { key: run.newKey(), file: FIVE.slice(1) },
    { key: run.newKey(), signedKey: run.newKey() },
    { key: run.newKey(), changed: withForgedPolicy },
    leavingOut('Content-Type'),
    leavingOut('x-amz-meta-signet'),
    { key: run.newKey(), lifetime: expired },
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

async function sendForm(run: ProbeRun, attempt: FormAttempt): Promise<number> {
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
  for (const [name, value] of Object.entries(fields)) body.append(name, value)
  body.append(form.fileField, new Blob([file]), 'probe.txt')
  const response = await run.send(form.url, { method: 'POST', body })
  await response.body?.cancel()
  return response.status
}
