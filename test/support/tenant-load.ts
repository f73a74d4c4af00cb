import { setTimeout as pause } from 'node:timers/promises'
import { until } from './until.ts'
import { type Caller, uploadOf } from './upload-load.ts'

/** Who can be asked: gateways, as any of the tenants. */
export interface LoadedGateways {
  readonly tenants: readonly string[]
  readonly gateways: readonly unknown[]
  caller(tenant: string, gateway?: number): Caller
}

/** Uploads of all tenants at once, each asked for under its own key until it is granted. */
export interface TenantLoad extends AsyncDisposable {
  /** Ids of granted uploads by idempotency key. */
  readonly granted: ReadonlyMap<string, string>
  /** Answers by status. */
  readonly statuses: ReadonlyMap<number, number>
  /** Answers that no client may get: another status, another id for a key, no Retry-After. */
  readonly wrong: readonly string[]
  /** How many keys of a tenant were granted. */
  grantedTo(tenant: string): number
  /** Waits until each of these tenants, by default all, got so many more from each gateway. */
  untilGranted(more: number, some?: readonly string[]): Promise<void>
  /** Asks for what is under way until it is granted. Disposal does not: a test may have failed. */
  stop(): Promise<void>
}

/** Between two requests of a worker, in milliseconds. */
const PACE_MS = 80
const BACK_MS = 25_000

/**
 * One worker a tenant and gateway. A key that was answered 503 is asked for again, at the next gateway,
 * as a client behind a balancer does; one in four that was granted is asked for once more.
 */
export function openTenantLoad({ tenants, gateways, caller }: LoadedGateways): TenantLoad {
  const granted = new Map<string, string>()
  const statuses = new Map<number, number>()
  const counts = new Map<string, number>()
  const wrong: string[] = []
  let stopped = false
  let disposed = false

  async function ask(tenant: string, gateway: number, key: string): Promise<number> {
    const body = uploadOf(key)
    const call = caller(tenant, gateway)
    const response = await call('POST', '/v1/uploads', body, { 'idempotency-key': key })
    const text = await response.text()
    const { status } = response
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
    if (status === 201) {
      const { id } = JSON.parse(text) as { id: string }
      if ((granted.get(key) ?? id) !== id) wrong.push(`${key} gave ${id} and ${granted.get(key)}`)
      granted.set(key, id)
      const counted = `${tenant} ${gateway}`
      counts.set(counted, (counts.get(counted) ?? 0) + 1)
      return status
    }
    const waits = /^[1-9]\d*$/.test(response.headers.get('retry-after') ?? '')
    if (![429, 503].includes(status) || !waits) wrong.push(`${status}: ${text}`)
    return status
  }

  async function work(tenant: string, gateway: number): Promise<void> {
    let at = gateway
    let status = 0
    // What is unknown is asked for until it is known: then everything reserved has been granted.
    for (let turn = 0; !disposed && (!stopped || status === 503); ) {
      const key = `${tenant}-${gateway}-${turn}`
      status = await ask(tenant, at, key)
      if (status === 201 && turn % 4 === 0) await ask(tenant, (at + 1) % gateways.length, key)
      if (status === 503) at = (at + 1) % gateways.length
      else {
        at = gateway
        turn += 1
      }
      await pause(PACE_MS)
    }
  }

  const working = tenants.flatMap((tenant) => gateways.map((_, gateway) => work(tenant, gateway)))
  const stop = async () => {
    stopped = true
    await Promise.all(working)
  }
  return {
    granted,
    statuses,
    wrong,
    grantedTo: (tenant) => [...granted.keys()].filter((key) => key.startsWith(`${tenant}-`)).length,
    async untilGranted(more, some = tenants) {
      const pairs = some.flatMap((tenant) => gateways.map((_, gateway) => `${tenant} ${gateway}`))
      const wanted = new Map(pairs.map((pair) => [pair, (counts.get(pair) ?? 0) + more]))
      const enough = async () =>
        pairs.every((pair) => (counts.get(pair) ?? 0) >= (wanted.get(pair) ?? 0))
      await until(`${some.join()} are granted ${more} more uploads each`, enough, BACK_MS)
    },
    stop,
    async [Symbol.asyncDispose]() {
      disposed = true
      await stop()
    },
  }
}
