import type { Attributes, Meter, Span, Tracer } from '@opentelemetry/api'

/**
 * Business events, one function each: the only place where metrics and spans get their names.
 * Labels are buckets, stores, routes, policies and codes; never keys, users, tenants or secrets.
 */
export interface Telemetry {
  requestServed(facts: { route: string; method: string; status: number; durationMs: number }): void
  uploadGranted(facts: { bucket: string; sizeBytes: number }): void
  uploadRefused(facts: { bucket: string; code: string }): void
  uploadEnded(facts: { bucket: string; how: 'settled' | 'expired' | 'aborted' | 'rejected' }): void
  downloadGranted(facts: { bucket: string }): void
  objectDeleted(facts: { bucket: string }): void
  /** The presigner returned something else than it was asked for: an alarm. */
  signerMisbehaved(facts: { store: string }): void
  /** An object carried a ticket that is not its own: an alarm. */
  ticketRefused(facts: { bucket: string }): void
  /** An object shows the effect of a header that nobody signed: an alarm. Names of a closed set. */
  objectAltered(facts: { bucket: string; header: string }): void
  /** A store did not tell who an uploaded object is open to, where a stranger could have opened it. */
  accessUnseen(facts: { store: string }): void
  /** A reply that must not happen (`CORRUPT`, a forged fingerprint): an alarm. */
  ledgerAlarmed(facts: { op: string; code: string }): void
  /** A rate refused again, and the ledger was not asked. */
  refusalRemembered(facts: { op: string }): void
  /** A fail policy let something pass that could not be counted. */
  failedOpen(facts: { what: string; reason: string }): void
  /** A limit that only counts and reports would have refused. Policies are the operator's names. */
  limitShadowRefused(facts: { policy: string }): void
  storeCalled(facts: { store: string; call: string; outcome: 'ok' | 'failed' }): void
  storeProbed(facts: { store: string; outcome: 'complete' | 'incomplete' | 'failed' }): void
  /** Calls of the gateway that run and wait, as they come and go: changes. */
  storeCallsChanged(facts: { store: string; inFlight: number; waiting: number }): void
  /** A call was not made: the store is away, or too many calls wait for it. */
  storeCallRefused(facts: { store: string; why: 'away' | 'overload' }): void
  /** A call has ended, and the store counts as there or as away. */
  storeSeen(facts: { store: string; up: boolean }): void
  /** A look that was taken to see whether the store answers. */
  storeChecked(facts: { store: string; outcome: 'answered' | 'failed'; durationMs: number }): void
  storeBreakerMoved(facts: { store: string; state: 'closed' | 'open' }): void
  /** The store's clock minus ours. */
  storeClockMeasured(facts: { store: string; offsetSeconds: number }): void
  /** What lies in a store that has a bound, by the ledger; of the partitions that this gateway looks after. */
  storeRoomMeasured(facts: {
    store: string
    usedBytes: number
    pendingBytes: number
    capacityBytes: number
  }): void
  /** A store had no room for what was to go there. */
  storeFull(facts: { store: string }): void
  /** Events of a store: `settled` changed something, `ignored` nothing, `failed` ones are the sweeper's. */
  eventHandled(facts: {
    store: string
    outcome: 'settled' | 'ignored' | 'failed' | 'refused'
    reason: string
    events: number
  }): void
  /** An issuer was asked for its keys. Issuers are the operator's names. */
  issuerKeysFetched(facts: { issuer: string; outcome: 'ok' | 'failed' }): void
  sweepFinished(facts: { claimed: number; ended: number; failed: number }): void
  /** The configuration file was read anew. `generation`: of what is in force then. */
  configRead(facts: {
    outcome: 'reloaded' | 'unchanged' | 'refused'
    generation: number
    needsRestart: number
  }): void
  /** What a reconciliation found, and what became of it. */
  reconciled(findings: readonly { readonly kind: string; readonly action: string }[]): void
  /** Runs `work` in a span named after the use case; an exception marks the span. */
  span<T>(name: string, attributes: Attributes, work: () => Promise<T>): Promise<T>
}

const SPAN_ERROR = 2 // SpanStatusCode.ERROR; a value import would pull the API's classes in

/**
 * Telemetry on the OpenTelemetry API; without an SDK behind it every call does nothing. Default: no spans.
 */
export function createTelemetry(meter: Meter, tracer?: Tracer): Telemetry {
  const count = (name: string, description: string) => meter.createCounter(name, { description })
  const gauge = (name: string, description: string) => meter.createGauge(name, { description })
  const level = (name: string, description: string) =>
    meter.createUpDownCounter(name, { description })
  const duration = meter.createHistogram('signet.http.duration', {
    description: 'Time to answer a request',
    unit: 'ms',
  })
  const granted = count('signet.uploads.granted', 'Upload grants that left the gateway')
  const reserved = count('signet.uploads.reserved_bytes', 'Bytes reserved by granted uploads')
  const refused = count('signet.uploads.refused', 'Uploads refused, by code')
  const ended = count('signet.uploads.ended', 'Uploads that ended, by how')
  const downloads = count('signet.downloads.granted', 'Download grants that left the gateway')
  const deleted = count('signet.objects.deleted', 'Objects deleted through the gateway')
  const signer = count('signet.alarm.signer', 'Grants withheld because the signer misbehaved')
  const tickets = count('signet.alarm.tickets', 'Objects with a forged or foreign ticket')
  const altered = count('signet.alarm.altered', 'Objects with unsigned headers, by header')
  const unseen = count('signet.store.access_unseen', 'Uploads whose access rules nobody could read')
  const ledger = count('signet.alarm.ledger', 'Ledger replies that must not happen')
  const known = count('signet.ledger.refusals_remembered', 'Refusals by rates without the ledger')
  const open = count('signet.failed_open', 'Requests let through by a fail policy')
  const shadow = count('signet.limits.shadow_refused', 'What shadow limits would have refused')
  const calls = count('signet.store.calls', 'Calls of the gateway to a store, by outcome')
  const probes = count('signet.store.probes', 'Probes of a store, by outcome')
  const running = level('signet.store.in_flight', 'Calls of the gateway to a store under way')
  const waiting = level('signet.store.waiting', 'Calls of the gateway that wait for a turn')
  const unmade = count('signet.store.refused', 'Calls to a store that were not made, by why')
  const up = gauge('signet.store.up', '1 while a store counts as there, 0 while it is away')
  const checks = count('signet.store.checks', 'Looks whether a store answers, by outcome')
  const checkTime = meter.createHistogram('signet.store.check_duration', {
    description: 'Time that such a look took',
    unit: 'ms',
  })
  const moves = count('signet.store.transitions', 'Changes between there and away, by new state')
  const breaker = gauge('signet.store.breaker', '1 while a store is away and calls fail at once')
  const clock = gauge('signet.store.clock_offset_seconds', "A store's clock minus ours")
  const used = gauge('signet.store.used_bytes', "Bytes in a store, of this gateway's partitions")
  const held = gauge('signet.store.pending_bytes', 'Bytes reserved there, of the same partitions')
  const capacity = gauge('signet.store.capacity_bytes', 'What Signet may keep in a store')
  const full = count('signet.store.full', 'Uploads that a store had no room for')
  const events = count('signet.events', 'Events of stores, by outcome and reason')
  const keyFetches = count('signet.issuer.key_fetches', 'Fetches of keys of issuers, by outcome')
  const sweeps = count('signet.sweep.reservations', 'Reservations looked at by the sweeper')
  const reads = count('signet.config.reads', 'Configurations read anew, by outcome')
  const generation = gauge('signet.config.generation', 'Of the configuration in force')
  const unusable = gauge('signet.config.refused', '1 while the configuration file cannot be used')
  const pending = gauge('signet.config.needs_restart', 'Settings that wait for a restart')
  const found = count(
    'signet.reconcile.findings',
    'Findings of reconciliations, by kind and action',
  )

  return {
    requestServed: ({ durationMs, ...labels }) => duration.record(durationMs, labels),
    uploadGranted: ({ bucket, sizeBytes }) => {
      granted.add(1, { bucket })
      reserved.add(sizeBytes, { bucket })
    },
    uploadRefused: (labels) => refused.add(1, labels),
    uploadEnded: (labels) => ended.add(1, labels),
    downloadGranted: (labels) => downloads.add(1, labels),
    objectDeleted: (labels) => deleted.add(1, labels),
    signerMisbehaved: (labels) => signer.add(1, labels),
    ticketRefused: (labels) => tickets.add(1, labels),
    objectAltered: (labels) => altered.add(1, labels),
    accessUnseen: (labels) => unseen.add(1, labels),
    ledgerAlarmed: (labels) => ledger.add(1, labels),
    refusalRemembered: (labels) => known.add(1, labels),
    failedOpen: (labels) => open.add(1, labels),
    limitShadowRefused: (labels) => shadow.add(1, labels),
    storeCalled: (labels) => calls.add(1, labels),
    storeProbed: (labels) => probes.add(1, labels),
    storeCallsChanged: ({ store, ...by }) => {
      if (by.inFlight !== 0) running.add(by.inFlight, { store })
      if (by.waiting !== 0) waiting.add(by.waiting, { store })
    },
    storeCallRefused: (labels) => unmade.add(1, labels),
    storeSeen: ({ store, up: isUp }) => up.record(isUp ? 1 : 0, { store }),
    storeChecked: ({ durationMs, ...labels }) => {
      checks.add(1, labels)
      checkTime.record(durationMs, labels)
    },
    storeBreakerMoved: ({ store, state }) => {
      breaker.record(state === 'open' ? 1 : 0, { store })
      moves.add(1, { store, state })
    },
    storeClockMeasured: ({ store, offsetSeconds }) => clock.record(offsetSeconds, { store }),
    storeRoomMeasured: ({ store, usedBytes, pendingBytes, capacityBytes }) => {
      used.record(usedBytes, { store })
      held.record(pendingBytes, { store })
      capacity.record(capacityBytes, { store })
    },
    storeFull: (labels) => full.add(1, labels),
    eventHandled: ({ events: number, ...labels }) => events.add(number, labels),
    issuerKeysFetched: (labels) => keyFetches.add(1, labels),
    sweepFinished: ({ claimed, ended: done, failed }) => {
      sweeps.add(claimed - done - failed, { outcome: 'waiting' })
      sweeps.add(done, { outcome: 'ended' })
      sweeps.add(failed, { outcome: 'failed' })
    },
    configRead: ({ outcome, generation: inForce, needsRestart }) => {
      reads.add(1, { outcome })
      generation.record(inForce)
      unusable.record(outcome === 'refused' ? 1 : 0)
      pending.record(needsRestart)
    },
    reconciled(findings) {
      for (const { kind, action } of findings) found.add(1, { kind, action })
    },
    span: async (name, attributes, work) =>
      tracer === undefined
        ? await work()
        : await tracer.startActiveSpan(name, { attributes }, (span) => runInSpan(span, work)),
  }
}

async function runInSpan<T>(span: Span, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    // The message stays out: a span may leave the machine.
    span.setStatus({ code: SPAN_ERROR })
    throw error
  } finally {
    span.end()
  }
}
