import type { Telemetry } from '../telemetry.ts'
import type { StoreClient } from './store-client.ts'

/** The same client, with every call counted by store and outcome. */
export function countedStoreClient(client: StoreClient, telemetry: Telemetry): StoreClient {
  async function counted<T>(store: string, call: string, work: Promise<T>): Promise<T> {
    try {
      const result = await work
      telemetry.storeCalled({ store, call, outcome: 'ok' })
      return result
    } catch (error) {
      telemetry.storeCalled({ store, call, outcome: 'failed' })
      throw error
    }
  }
  return {
    head: (place, versionId) =>
      counted(place.placement.store.name, 'head', client.head(place, versionId)),
    remove: (place) => counted(place.placement.store.name, 'remove', client.remove(place)),
    list: (placement, request) =>
      counted(placement.store.name, 'list', client.list(placement, request)),
  }
}
