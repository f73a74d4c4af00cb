import { createHash, randomUUID } from 'node:crypto'
import { type SharedCeph, storeClient } from './stores-under-test.ts'

/** Where Ceph sends the events of a bucket. */
export interface EventTarget {
  readonly bucket: string
  /** URL that deliveries are posted to. */
  readonly endpoint: string
  /** Comes back in every record, as `opaqueData`. */
  readonly opaqueData: string
}

/**
 * Has Ceph send the events of a bucket, arrivals and removals, each inside the request that it is about.
 * Answers what ends it. Throws unless Ceph takes it.
 *
 * A removal of several objects by one POST (`?delete`) ends radosgw 16.2.15 where a bucket has this.
 */
export async function sendEvents(
  ceph: SharedCeph,
  { bucket, endpoint, opaqueData }: EventTarget,
): Promise<() => Promise<void>> {
  const name = `topic-${randomUUID()}`
  const attributes = Object.entries({ 'push-endpoint': endpoint, OpaqueData: opaqueData })
  const arn = `arn:aws:sns:default::${name}`
  await topicCall(ceph, {
    Action: 'CreateTopic',
    Name: name,
    ...Object.fromEntries(
      attributes.flatMap(([key, value], at) => [
        [`Attributes.entry.${at + 1}.key`, key],
        [`Attributes.entry.${at + 1}.value`, value],
      ]),
    ),
  })
  const url = `${ceph.endpoint}/${bucket}?notification`
  const events = ['s3:ObjectCreated:*', 's3:ObjectRemoved:*'].map((e) => `<Event>${e}</Event>`)
  const xmlns = 'http://s3.amazonaws.com/doc/2006-03-01/'
  const rule = `<TopicConfiguration><Id>all</Id><Topic>${arn}</Topic>${events.join('')}</TopicConfiguration>`
  await send(ceph, url, {
    method: 'PUT',
    body: `<NotificationConfiguration xmlns="${xmlns}">${rule}</NotificationConfiguration>`,
  })
  return async () => {
    await send(ceph, url, { method: 'DELETE' })
    await topicCall(ceph, { Action: 'DeleteTopic', TopicArn: arn })
  }
}

/** Signed with the hash of the body: that is what Ceph computes for a form of its topics. */
async function topicCall(
  ceph: SharedCeph,
  parameters: Readonly<Record<string, string>>,
): Promise<void> {
  const body = new URLSearchParams(parameters).toString()
  await send(ceph, `${ceph.endpoint}/`, {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'x-amz-content-sha256': createHash('sha256').update(body).digest('hex'),
    },
  })
}

async function send(
  ceph: SharedCeph,
  url: string,
  init: { readonly method: string; readonly body?: string; readonly headers?: HeadersInit },
): Promise<void> {
  const answer = await storeClient(ceph).fetch(url, init)
  const said = await answer.text()
  if (!answer.ok) throw new Error(`Cannot ${init.method} ${url}: ${answer.status} ${said}`)
}
