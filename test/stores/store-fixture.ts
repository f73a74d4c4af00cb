import { ObjectKey } from '../../src/object-key.ts'
import { Secret } from '../../src/secret.ts'
import type { Bucket } from '../../src/stores/bucket.ts'
import { type Capabilities, NOTHING_KNOWN } from '../../src/stores/capabilities.ts'
import type { Placement, Store, StoreCredential } from '../../src/stores/store.ts'
import type { ObjectPlace } from '../../src/stores/store-client.ts'
import { NO_TRAITS } from '../../src/stores/traits.ts'

/** AWS's own example credential, as all of its published vectors use it. */
export const EXAMPLE_CREDENTIAL: StoreCredential = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: new Secret('wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'),
}

/** A store that keeps everything which a grant may promise. */
export const ABLE: Capabilities = {
  ...NOTHING_KNOWN,
  signatures: 'yes',
  methodBound: 'yes',
  expiry: 'yes',
  signedLength: 'yes',
  signedType: 'yes',
  writeOnce: 'if-none-match',
  ifMatch: 'quoted',
  unsignedCopySource: 'closed',
  unsignedHeaders: 'reject',
  checksumSha256: 'yes',
  payloadHash: 'yes',
  responseOverrides: 'yes',
  postPolicy: 'yes',
  multipart: 'yes',
  abortEndsParts: 'yes',
  writeOnceMultipart: 'yes',
  tagging: 'yes',
  multipartTagging: 'yes',
  encryption: 'yes',
  contentMd5: 'yes',
  formHeaders: 'yes',
}

/** A store that is never called, unless its endpoint is overridden by a real one. */
export function exampleStore(overrides: Partial<Store> = {}): Store {
  const endpoint = overrides.endpoint ?? 'https://s3.example.test'
  return {
    name: 'main',
    provider: 'generic',
    endpoint,
    publicEndpoint: endpoint,
    region: 'us-east-1',
    addressing: 'path',
    credentials: {
      write: EXAMPLE_CREDENTIAL,
      read: EXAMPLE_CREDENTIAL,
      manage: EXAMPLE_CREDENTIAL,
    },
    allowReadableWriteCredential: false,
    maxTransferSeconds: 3600,
    timeoutMs: 5000,
    probe: 'auto',
    maxConcurrentCalls: 64,
    capabilities: ABLE,
    traits: NO_TRAITS,
    ...overrides,
  }
}

/** A store with some capabilities changed. */
export function storeWith(capabilities: Partial<Capabilities>): Store {
  return exampleStore({ capabilities: { ...ABLE, ...capabilities } })
}

export function examplePlacement(overrides: Partial<Placement> = {}): Placement {
  return { store: exampleStore(), bucket: 'bkt', prefix: '', ...overrides }
}

export function placeOf(key: string, overrides: Partial<Placement> = {}): ObjectPlace {
  return { placement: examplePlacement(overrides), key: ObjectKey.parse(key) }
}

export function exampleBucket(overrides: Partial<Bucket> = {}): Bucket {
  return {
    name: 'media',
    placements: [examplePlacement()],
    placing: { strategy: 'primary', whenDown: 'sign' },
    keys: { kind: 'caller', callerPrefix: '' },
    upload: {
      maxSizeBytes: 5 * 2 ** 30,
      contentTypes: new Set(),
      expiresInSeconds: 300,
      expiresInSecondsMax: 3600,
      mayOutliveCredential: false,
      writeOnce: undefined,
      oversized: 'keep',
      altered: 'keep',
      multipartThresholdBytes: 64 * 2 ** 20,
      multipartLifetimeSeconds: 86_400,
      strictHeaders: false,
      storageClasses: new Set(),
      tagKeys: new Set(),
      encryption: { allowed: new Set() },
    },
    download: {
      expiresInSeconds: 300,
      expiresInSecondsMax: 3600,
      mayOutliveCredential: false,
      disposition: 'attachment',
      stableForSeconds: 0,
    },
    ...overrides,
  }
}
