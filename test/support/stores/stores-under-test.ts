import { randomUUID } from 'node:crypto'
import { AwsClient } from 'aws4fetch'
import { describe, inject, it } from 'vitest'
import type { CephStore, StoreCredential } from './ceph-store.ts'

/** The test run's Ceph as tests see it: `global-setup.ts` opens it and closes it. */
export type SharedCeph = Omit<CephStore, 'close'>

/** The test run's embedded store, the one of the demo, behind its guard. */
export interface SharedEmbedded {
  kind: 'embedded'
  /** `http://127.0.0.1:<port>`, path style. */
  endpoint: string
  region: string
  credentials: { main: StoreCredential }
}

/** A real S3 store that all tests of a run share; each test makes buckets of its own. */
export type StoreUnderTest = SharedCeph | SharedEmbedded

declare module 'vitest' {
  interface ProvidedContext {
    /** Absent members could not be had on this machine; the run says so at its end. */
    stores: { embedded: SharedEmbedded; ceph?: SharedCeph }
  }
}

/** Every real store of this run, for `describe.each(realStores())('on $kind', …)`. */
export function realStores(): readonly StoreUnderTest[] {
  const ceph = cephStore()
  return ceph === undefined ? [embeddedStore()] : [embeddedStore(), ceph]
}

/** The embedded store. It keeps the promises of a signature, and few others. */
export function embeddedStore(): SharedEmbedded {
  return inject('stores').embedded
}

/** Ceph, or undefined where it cannot be had: then the run names what was not shown. */
export function cephStore(): SharedCeph | undefined {
  return inject('stores').ceph
}

/**
 * Describes guarantees that only Ceph can show. Where it cannot be had, one skipped test stands for
 * them in the report, the run says so at its end, and CI has failed long before.
 */
export function describeOnCeph(name: string, body: (ceph: SharedCeph) => void): void {
  const ceph = cephStore()
  describe(name, () => {
    if (ceph === undefined) it.skip('not shown: there is no Ceph here')
    else body(ceph)
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
