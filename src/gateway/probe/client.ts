import type { StoreClient } from '../../stores/store-client.ts'
import type { ProbeSender } from './sender.ts'

/** The gateway's own calls that a probe makes. */
export type ProbeClient = Pick<
  StoreClient,
  | 'head'
  | 'remove'
  | 'list'
  | 'createMultipart'
  | 'listParts'
  | 'completeMultipart'
  | 'abortMultipart'
>

/**
 * The same client within the bounds of a probe: every call is counted, and repeated once when it got no
 * usable answer. One that was repeated may have been done twice. Nobody waits for them.
 */
export function boundedClient(client: ProbeClient, sender: ProbeSender): ProbeClient {
  return {
    head: (place, versionId) => sender.own(() => client.head(place, versionId)),
    remove: (place) => sender.own(() => client.remove(place)),
    list: (placement, request) =>
      sender.own(() => client.list(placement, { ...request, background: true })),
    createMultipart: (place, headers) => sender.own(() => client.createMultipart(place, headers)),
    listParts: (place, uploadId) => sender.own(() => client.listParts(place, uploadId)),
    completeMultipart: (place, request) =>
      sender.own(() => client.completeMultipart(place, request)),
    abortMultipart: (place, uploadId) => sender.own(() => client.abortMultipart(place, uploadId)),
  }
}
