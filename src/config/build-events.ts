import { Secret } from '../secret.ts'
import { type EventSettings, USUAL_EVENTS } from '../stores/events/event-settings.ts'
import type { Store } from '../stores/store.ts'
import type { EventTraits } from '../stores/traits.ts'
import { parseOrigin } from './address.ts'
import { weaknessOf } from './build-secrets.ts'
import type { Path } from './problem.ts'
import type { Report } from './report.ts'
import type { EventsInput } from './schema-events.ts'

interface Scope {
  readonly report: Report
  /** Of `events`. */
  readonly path: Path
}

/**
 * `stores.*.events`. `undefined` where the shape is not known, which is reported, as is every proof
 * that would be none.
 */
export function buildEvents(
  input: EventsInput,
  { traits, ...scope }: Scope & { readonly traits: EventTraits },
): EventSettings | undefined {
  const { report, path } = scope
  const secrets = secretsOf(input, scope)
  const shape = input.shape ?? traits.shape
  if (shape === 'none') {
    report.problem([...path, 'shape'], 'is required: this provider is not known to send events')
    return undefined
  }
  const { auth, keys } = shape === traits.shape ? traits : USUAL_EVENTS[shape]
  const { topicArns = [], audience, serviceAccount } = input
  if (topicArns.length > 0 && auth !== 'sns') misplaced('topicArns', scope)
  for (const name of ['audience', 'serviceAccount'] as const) {
    if (input[name] !== undefined && auth !== 'oidc') misplaced(name, scope)
  }
  if ((audience === undefined) !== (serviceAccount === undefined)) {
    const missing = audience === undefined ? 'audience' : 'serviceAccount'
    report.problem([...path, missing], 'is required: a token is held against both')
  }
  const isProven = topicArns.length > 0 || audience !== undefined || serviceAccount !== undefined
  if (input.secret === undefined && !isProven) {
    const instead = { sns: ', or "topicArns"', oidc: ', or "audience" and "serviceAccount"' }
    const other = auth === 'sns' || auth === 'oidc' ? instead[auth] : ''
    report.problem([...path, 'secret'], `is required${other}: nothing else proves a delivery`)
  }
  return {
    secrets,
    shape,
    auth,
    keys,
    topicArns: new Set(topicArns),
    ...(audience !== undefined && { audience }),
    ...(serviceAccount !== undefined && { serviceAccount }),
  }
}

/**
 * Deliveries that carry their secret need TLS. Reports those that would come in clear through an
 * `http:` address of production, and warns of Ceph's where the address is not told: nothing but TLS
 * keeps what it sends.
 */
export function checkEventTransport(
  stores: Iterable<Store>,
  { publicUrl, report }: { publicUrl: string | undefined; report: Report },
): void {
  const origin = publicUrl === undefined ? undefined : parseOrigin(publicUrl)
  if (typeof origin === 'string' || origin?.isEncrypted || origin?.isLoopback) return
  for (const { name, events } of stores) {
    if (events === undefined || events.secrets.length === 0 || events.auth === 'hmac') continue
    const path = ['stores', name, 'events', 'secret']
    if (origin !== undefined) {
      report.problem(path, 'would come in clear: "server.publicUrl" must be https: in production')
    } else if (events.auth === 'opaque') {
      report.warn(path, 'comes in clear unless the store calls by https:; set "server.publicUrl"')
    }
  }
}

function misplaced(name: string, { report, path }: Scope): void {
  report.problem([...path, name], 'proves nothing for events of this shape')
}

function secretsOf({ secret }: EventsInput, { report, path }: Scope): readonly Secret[] {
  if (secret === undefined) return []
  const place = [...path, 'secret']
  if (typeof secret === 'string') {
    checkSecret(secret, place, report)
    return [new Secret(secret)]
  }
  const { current, previous } = secret
  checkSecret(current, [...place, 'current'], report)
  if (previous === undefined) return [new Secret(current)]
  checkSecret(previous, [...place, 'previous'], report)
  if (current === previous) {
    report.problem([...place, 'previous'], 'must differ from the current one')
  }
  return [new Secret(current), new Secret(previous)]
}

// It has to fit behind "Bearer " (RFC 6750 section 2.1).
function checkSecret(text: string, path: Path, report: Report): void {
  const weakness = weaknessOf(text)
  if (weakness !== undefined) report.problem(path, weakness)
  else if (!/^[!-~]+$/.test(text)) report.problem(path, 'must be printable ASCII without spaces')
}
