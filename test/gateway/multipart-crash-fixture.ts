import { expect } from 'vitest'
import { type MemoryLedger, openMemoryLedger } from '../../src/ledger/memory.ts'
import { type StoreUnderTest, storeClient } from '../support/stores/stores-under-test.ts'
import { TestClock } from '../support/test-clock.ts'
import { uploadBody } from '../support/test-gateway.ts'
import {
  type Fault,
  type FaultPlan,
  faultyLedger,
  faultyStore,
  makeFaulty,
  PortFaults,
} from './faulty-ports.ts'
import type { GatewayOnStore } from './gateway-on-store.ts'
import { type CreatedParts, gatewayForParts, LIFETIME_MS, putParts } from './multipart-fixture.ts'

/** Size of an upload of one part, unless a test says otherwise. */
export const BYTES = 3
/** The one key of these tests. */
export const KEY = 'acme/alice/cat.jpg'
/** After this long a repetition with the same idempotency key may make the upload itself. */
export const RETRY_MS = 20_000
export const HOUR_MS = 3_600_000
const MOST_CALLS = 20

/** A gateway whose every call to something else can fail. */
export interface Setting {
  readonly gateway: GatewayOnStore
  readonly ledger: MemoryLedger
  readonly faults: PortFaults
}

let opened: GatewayOnStore[] = []

/** Closes the gateways of a test. */
export async function closeSettings(): Promise<void> {
  await Promise.all(opened.map((gateway) => gateway.close()))
  opened = []
}

/** Opens a gateway with a bucket of its own, and with no fault yet. */
export async function open(store: StoreUnderTest): Promise<Setting> {
  const clock = new TestClock(Date.now())
  const faults = new PortFaults()
  const ledger = openMemoryLedger({ clock })
  const gateway = await gatewayForParts(store, {
    clock,
    onClient: (client) => faultyStore(client, faults),
    overrides: { ledger: faultyLedger(ledger, faults) },
    allow: { 'acme/alice': [{ operations: ['upload', 'overwrite', 'download', 'delete'] }] },
  })
  makeFaulty(gateway.context, faults)
  opened.push(gateway)
  return { gateway, ledger, faults }
}

/** POST /v1/uploads for one part, as it is answered. */
export function create(
  { gateway }: Setting,
  headers: Record<string, string> = {},
  more: Readonly<Record<string, unknown>> = {},
): Promise<Response> {
  const wanted = uploadBody({ mode: 'multipart', sizeBytes: BYTES, ...more })
  return gateway.call('POST', '/v1/uploads', wanted, { headers })
}

/** An upload whose parts are all at the store. */
export async function madeAndSent(
  setting: Setting,
  more: Readonly<Record<string, unknown>> = {},
): Promise<CreatedParts> {
  const upload = (await (await create(setting, {}, more)).json()) as CreatedParts
  await putParts(upload.multipart.parts)
  return upload
}

/** Completes an upload, to be tried with faults; answers its id. */
export function completing({ id }: CreatedParts): (setting: Setting) => Promise<string> {
  return async ({ gateway }) => {
    await gateway.complete(id)
    return id
  }
}

/** The store's own id of an upload, as each of its part URLs has it. */
export function uploadIdsOf({ multipart }: CreatedParts): string[] {
  return multipart.parts.map(
    ({ request }) => new URL(request.url).searchParams.get('uploadId') ?? '',
  )
}

/** Ids of the uploads that are open in the store's bucket. */
export async function openAtStore({ store, storeBucket }: GatewayOnStore): Promise<string[]> {
  const answer = await storeClient(store).fetch(`${store.endpoint}/${storeBucket}?uploads`)
  return [...(await answer.text()).matchAll(/<UploadId>([^<]*)</g)].map(([, id]) => id ?? '')
}

/** Sweeps while time goes by in steps; what is left after them. */
export async function sweepFor(
  { gateway, ledger }: Setting,
  ms: number,
  stepMs: number,
): Promise<{ due: number; usage: Awaited<ReturnType<GatewayOnStore['usage']>> }> {
  for (let past = 0; past < ms; past += stepMs) {
    gateway.clock.advance(stepMs)
    await gateway.sweepAll()
  }
  const usage = await gateway.usage()
  return { due: ledger.looks().size, usage }
}

/** How soon an aborted upload must have given everything back; Swift takes parts after an abort. */
export function untilFreedMs({ kind }: StoreUnderTest): number {
  return kind === 'swift' ? 2 * HOUR_MS : HOUR_MS
}

/** Everything is over: nothing is due, pending or open, and what is charged is what is there. */
export async function expectAtRest(setting: Setting): Promise<void> {
  const { gateway } = setting
  const { due, usage } = await sweepFor(setting, 2 * LIFETIME_MS, LIFETIME_MS / 2)
  const bytes = (await gateway.sizeAtStore(KEY)) ?? 0
  expect({ due, stored: usage['tenant-stored'], slots: usage['user-pending'] }).toEqual({
    due: 0,
    stored: { used: bytes, pending: 0 },
    slots: { used: 0, pending: 0 },
  })
  expect(await openAtStore(gateway)).toEqual([])
}

/** What is done with a fault at one of its calls, once all that comes before is done without one. */
export type Prepare = (setting: Setting) => Promise<(setting: Setting) => Promise<unknown>>
/** What must hold afterwards, when nothing fails any more. */
export type After = (setting: Setting, answer: unknown, call: string) => Promise<void>

/** Ways to fail, for `describe.each`. */
export const WAYS: readonly (readonly [what: string, fault: Fault, once: boolean])[] = [
  ['one call fails', 'refused', true],
  ['the answer to one call is lost', 'lost', true],
  ['everything fails from one call on', 'refused', false],
  ['everything fails behind one call', 'lost', false],
]

/** All of them on the quickest store; on the others the one that their own answers matter for. */
export function waysOn({ kind }: StoreUnderTest): typeof WAYS {
  return kind === 'embedded' ? WAYS : WAYS.filter(([, fault, once]) => fault === 'lost' && once)
}

/** Tries something with a fault at each of its calls, and that everything comes to rest each time. */
export async function tryAtEveryCall(
  store: StoreUnderTest,
  way: Omit<FaultPlan, 'at'>,
  { prepare, after = async () => {} }: { readonly prepare: Prepare; readonly after?: After },
): Promise<void> {
  const calls = await callsOf(store, prepare)
  expect(calls.length).toBeLessThan(MOST_CALLS)
  const broken: string[] = []
  for (const [at, call] of calls.entries()) {
    const setting = await open(store)
    const act = await prepare(setting)
    setting.faults.plan({ at, ...way })
    const answer = await act(setting)
    setting.faults.plan()
    try {
      await after(setting, answer, call)
      await expectAtRest(setting)
    } catch (error) {
      broken.push(`${call} (${at}): ${error instanceof Error ? error.message : error}`)
    }
  }
  expect(broken).toEqual([])
}

/** The calls that are made when none fails. */
async function callsOf(store: StoreUnderTest, prepare: Prepare): Promise<readonly string[]> {
  const setting = await open(store)
  const act = await prepare(setting)
  setting.faults.plan()
  await act(setting)
  return [...setting.faults.calls]
}
