import type { StoreClient } from '../../src/stores/store-client.ts'

async function unexpected(): Promise<never> {
  throw new Error('Cannot answer: this store of a test takes no such call')
}

/**
 * The multipart calls of a store client made for a test that never makes them, those for a bucket, and
 * the look at access.
 */
export const NO_MULTIPART = {
  acl: unexpected,
  headBucket: unexpected,
  createMultipart: unexpected,
  listParts: unexpected,
  completeMultipart: unexpected,
  abortMultipart: unexpected,
  listMultiparts: unexpected,
  corsRules: unexpected,
  putCorsRules: unexpected,
} satisfies Partial<StoreClient>
