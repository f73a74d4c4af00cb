import { type StoreUnderTest, storeClient } from '../support/stores/stores-under-test.ts'

/** Everything that a store shows of an object, by the name of what would have set it. */
export type ObjectState = Readonly<Record<string, string>>

/** What differs between any two objects, or any two answers. The ticket has tests of its own. */
const OF_EVERY_ANSWER =
  /^(?:date|last-modified|etag|server|connection|keep-alive|x-timestamp|.*request-?id.*|x-trans-id.*|x-amz-id-2|x-amz-meta-signet)$/
const IDS = /<(RequestId|HostId|BucketName|Resource|Message)>[^<]*<\/\1>/g

/** Looks at an object with the store's own credential: headers, bytes, ACL and tags; and without any. */
export async function objectState(
  store: StoreUnderTest,
  bucket: string,
  key: string,
): Promise<ObjectState> {
  const url = `${store.endpoint}/${bucket}/${key}`
  const client = storeClient(store)
  const [got, acl, tags, anonymous] = await Promise.all([
    client.fetch(url, { headers: { 'accept-encoding': 'identity' } }),
    client.fetch(`${url}?acl`),
    client.fetch(`${url}?tagging`),
    fetch(url),
  ])
  const headers = [...got.headers].filter(([name]) => !OF_EVERY_ANSWER.test(name))
  return {
    ...Object.fromEntries(headers),
    status: String(got.status),
    body: Buffer.from(await got.arrayBuffer()).toString('base64'),
    'x-amz-acl': `${acl.status} ${(await acl.text()).replaceAll(IDS, '')}`,
    'x-amz-tagging': `${tags.status} ${(await tags.text()).replaceAll(IDS, '')}`,
    'x-amz-grant-read': `${anonymous.status} ${(await anonymous.bytes()).length}`,
  }
}

/** Names of what an object has that another one has not, or not so. */
export function differences(one: ObjectState, other: ObjectState): string[] {
  const names = new Set([...Object.keys(one), ...Object.keys(other)])
  // How many tags there are says the same as which.
  names.delete('x-amz-tagging-count')
  return [...names].filter((name) => one[name] !== other[name])
}
