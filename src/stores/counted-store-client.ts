import type { Telemetry } from '../telemetry.ts'
import type { ObjectPlace, StoreClient } from './store-client.ts'

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
  const at = ({ placement }: ObjectPlace) => placement.store.name
  return {
    head: (place, versionId) => counted(at(place), 'head', client.head(place, versionId)),
    acl: (place) => counted(at(place), 'acl', client.acl(place)),
    remove: (place) => counted(at(place), 'remove', client.remove(place)),
    headBucket: (placement, check) =>
      counted(placement.store.name, 'head-bucket', client.headBucket(placement, check)),
    list: (placement, request) =>
      counted(placement.store.name, 'list', client.list(placement, request)),
    createMultipart: (place, headers) =>
      counted(at(place), 'create-multipart', client.createMultipart(place, headers)),
    listParts: (place, uploadId) =>
      counted(at(place), 'list-parts', client.listParts(place, uploadId)),
    completeMultipart: (place, request) =>
      counted(at(place), 'complete-multipart', client.completeMultipart(place, request)),
    abortMultipart: (place, uploadId) =>
      counted(at(place), 'abort-multipart', client.abortMultipart(place, uploadId)),
    listMultiparts: (place) => counted(at(place), 'list-multiparts', client.listMultiparts(place)),
    corsRules: (placement) =>
      counted(placement.store.name, 'cors-rules', client.corsRules(placement)),
    putCorsRules: (placement, rules) =>
      counted(placement.store.name, 'put-cors-rules', client.putCorsRules(placement, rules)),
  }
}
