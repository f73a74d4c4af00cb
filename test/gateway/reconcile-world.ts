import { expect } from 'vitest'
import { ObjectKey } from '../../src/object-key.ts'
import type { StoreClient } from '../../src/stores/store-client.ts'
import { embeddedStore } from '../support/stores/stores-under-test.ts'
import type { TestGatewayOptions } from '../support/test-gateway.ts'
import { type GatewayOnStore, gatewayOnStore, UNTIL_RELEASED_MS } from './gateway-on-store.ts'

const ALLOW = { 'acme/alice': [{ operations: ['upload', 'delete', 'overwrite'] }] }
/** Stored totals without any that traffic could be seen by: no rate, no window. */
export const STORED_PLAN = {
  rates: [],
  quotas: [
    { policy: 'user-stored', per: 'user', unit: 'stored-bytes', limit: 2 ** 40 },
    { policy: 'tenant-stored', per: 'tenant', unit: 'stored-bytes', limit: 2 ** 40 },
    { policy: 'tenant-objects', per: 'tenant', unit: 'stored-objects', limit: 1_000 },
  ],
}
/** Past what a run counts as recent. */
const QUIET_MS = 600_000

/** A gateway on a real store, with what tests of reconciliation do to it. */
export interface ReconcileWorld extends GatewayOnStore {
  /** A client's PUT that nobody has completed. */
  arrive(key: string, sizeBytes: number, more?: Readonly<Record<string, unknown>>): Promise<string>
  /** The same, completed. */
  upload(key: string, sizeBytes: number, more?: Readonly<Record<string, unknown>>): Promise<string>
  remove(key: string): Promise<void>
  /** Removes an object past the gateway. */
  lose(key: string): Promise<void>
  /** Lets URLs end, what is due be looked at, and some more time pass. */
  rest(): Promise<void>
  /** What totals say: bytes of the user, bytes of the tenant, objects of the tenant. */
  totals(): Promise<readonly (number | undefined)[]>
  /** What lies in the bucket, likewise. */
  atStore(): Promise<readonly number[]>
}

export async function openReconcileWorld(
  options: TestGatewayOptions & {
    readonly onClient?: (client: StoreClient) => StoreClient
    readonly store?: never
  } = {},
  store = embeddedStore() as Parameters<typeof gatewayOnStore>[0],
): Promise<ReconcileWorld> {
  const gateway = await gatewayOnStore(store, { plan: STORED_PLAN, allow: ALLOW, ...options })
  const [bucket] = [...gateway.context.config.buckets.values()]
  const placement = bucket?.placements[0] ?? expect.unreachable()
  const path = (key: string) => `acme/alice/${key}`
  const arrived = async (key: string, sizeBytes: number, more = {}) => {
    const upload = await gateway.create({ key: path(key), sizeBytes, ...more })
    expect(await gateway.put(upload, sizeBytes)).toBe(200)
    return upload.id
  }
  return {
    ...gateway,
    arrive: arrived,
    async upload(key, sizeBytes, more) {
      const id = await arrived(key, sizeBytes, more)
      expect((await gateway.complete(id)).status).toBe(200)
      return id
    },
    async remove(key) {
      const answer = await gateway.call('DELETE', `/v1/objects/media/${path(key)}`)
      expect(answer.status).toBe(204)
    },
    lose: (key) =>
      gateway.context.storeClient.remove({ placement, key: ObjectKey.parse(path(key)) }),
    async rest() {
      gateway.clock.advance(UNTIL_RELEASED_MS)
      await gateway.sweepAll()
      gateway.clock.advance(QUIET_MS)
    },
    async totals() {
      const usage = await gateway.usage()
      const policies = ['user-stored', 'tenant-stored', 'tenant-objects']
      return policies.map((policy) => usage[policy]?.used)
    },
    async atStore() {
      const { objects } = await gateway.context.storeClient.list(placement, {
        prefix: '',
        limit: 1_000,
      })
      const bytes = objects.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
      return [bytes, bytes, objects.length]
    },
  }
}
