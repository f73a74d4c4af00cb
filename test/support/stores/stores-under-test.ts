import { randomUUID } from 'node:crypto'
import { AwsClient } from 'aws4fetch'
import { describe, inject, it } from 'vitest'
import type { CephStore } from './ceph-store.ts'
import type { StoreCredential } from './store-script.ts'
import type { SwiftStore } from './swift-store.ts'

/** The test run's Ceph as tests see it: `global-setup.ts` opens it and closes it. */
export type SharedCeph = Omit<CephStore, 'close'>

/** The one origin whose preflights the run's Swift answers; it has no API to add another. */
export const APP_ORIGIN = 'http://app.example'

/** The test run's Swift as tests see it. */
export type SharedSwift = Omit<SwiftStore, 'close'>

/** The test run's embedded store, the one of the demo, behind its guard. */
export interface SharedEmbedded {
  kind: 'embedded'
  /** `http://127.0.0.1:<port>`, path style. */
  endpoint: string
  region: string
  credentials: { main: StoreCredential }
}

/** A real S3 store that all tests of a run share; each test makes buckets of its own. */
export type StoreUnderTest = SharedCeph | SharedSwift | SharedEmbedded

declare module 'vitest' {
  interface ProvidedContext {
    /** Absent members could not be had on this machine; the run says so at its end. */
    stores: { embedded: SharedEmbedded; ceph?: SharedCeph; swift?: SharedSwift }
  }
}

/** Every real store of this run, for `describe.each(realStores())('on $kind', …)`. */
export function realStores(): readonly StoreUnderTest[] {
  const { embedded, ceph, swift } = inject('stores')
  return [embedded, ceph, swift].filter((store) => store !== undefined)
}

/** The embedded store. It keeps the promises of a signature, and few others. */
export function embeddedStore(): SharedEmbedded {
  return inject('stores').embedded
}

/** Ceph, or undefined where it cannot be had: then the run names what was not shown. */
export function cephStore(): SharedCeph | undefined {
  return inject('stores').ceph
}

/** Swift, or undefined where it cannot be had: then the run names what was not shown. */
export function swiftStore(): SharedSwift | undefined {
  return inject('stores').swift
}

/**
 * Describes guarantees that only Ceph can show. Where it cannot be had, one skipped test stands for
 * them in the report, the run says so at its end, and CI has failed long before.
 */
export function describeOnCeph(name: string, body: (ceph: SharedCeph) => void): void {
  describeOn('Ceph', cephStore(), name, body)
}

/** Describes what only Swift can show, a strict second implementation. Without it as for Ceph. */
export function describeOnSwift(name: string, body: (swift: SharedSwift) => void): void {
  describeOn('Swift', swiftStore(), name, body)
}

function describeOn<Store>(
  called: string,
  store: Store | undefined,
  name: string,
  body: (store: Store) => void,
): void {
  describe(name, () => {
    if (store === undefined) it.skip(`not shown: there is no ${called} here`)
    else body(store)
  })
}

/** An S3 client with one of the store's keys that never repeats a request by itself. */
export function storeClient(
  store: StoreUnderTest,
  credential: StoreCredential = store.credentials.main,
): AwsClient {
  return new AwsClient({ ...credential, service: 's3', region: store.region, retries: 0 })
}

/** Makes a bucket that no other test knows, and answers its name. Throws unless the store says 200. */
export async function createTestBucket(store: StoreUnderTest): Promise<string> {
  const bucket = `test-${randomUUID()}`
  const response = await storeClient(store).fetch(`${store.endpoint}/${bucket}`, { method: 'PUT' })
  const said = await response.text()
  if (!response.ok) throw new Error(`Cannot create bucket "${bucket}": ${response.status} ${said}`)
  return bucket
}

/** Turns versioning on. Ceph and Swift alone have it. Throws unless the store says 200. */
export async function keepVersions(store: StoreUnderTest, bucket: string): Promise<void> {
  const xmlns = 'http://s3.amazonaws.com/doc/2006-03-01/'
  const response = await storeClient(store).fetch(`${store.endpoint}/${bucket}?versioning`, {
    method: 'PUT',
    body: `<VersioningConfiguration xmlns="${xmlns}"><Status>Enabled</Status></VersioningConfiguration>`,
  })
  const said = await response.text()
  if (!response.ok) {
    throw new Error(`Cannot keep versions in "${bucket}": ${response.status} ${said}`)
  }
}
