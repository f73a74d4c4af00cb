import { Secret } from '../../src/secret.ts'
import type { Capabilities } from '../../src/stores/capabilities.ts'
import { profileOf } from '../../src/stores/profile-of.ts'
import type { Placement, Store } from '../../src/stores/store.ts'
import { createTestBucket, type StoreUnderTest } from '../support/stores/stores-under-test.ts'
import { ABLE, exampleStore } from './store-fixture.ts'

/** What was measured on Ceph 16.2.15 with a write-only key, beyond its profile. */
const CEPH_16: Partial<Capabilities> = {
  writeOnce: 'if-none-match',
  ifMatch: 'bare',
  unsignedCopySource: 'open',
  checksumSha256: 'no',
}

/** What was measured on Swift 2.30.1, beyond its profile. */
const SWIFT_2_30: Partial<Capabilities> = {
  writeOnce: 'refused',
  checksumSha256: 'no',
  payloadHash: 'no',
}

const MEASURED = { embedded: {}, ceph: CEPH_16, swift: SWIFT_2_30 } as const

/** A store of this run as the gateway has it: its profile, and a credential for each purpose. */
export function gatewayStore(real: StoreUnderTest): Store {
  const { main } = real.credentials
  const { write, read } = real.kind === 'ceph' ? real.credentials : { write: main, read: main }
  return exampleStore({
    name: real.kind,
    provider: real.kind,
    endpoint: real.endpoint,
    region: real.region,
    credentials: { write: sealed(write), read: sealed(read), manage: sealed(main) },
    capabilities: {
      ...(profileOf(real.kind)?.capabilities ?? ABLE),
      ...MEASURED[real.kind],
    },
  })
}

/** A new bucket of a real store, as a placement. */
export async function newPlacement(real: StoreUnderTest, prefix = ''): Promise<Placement> {
  return { store: gatewayStore(real), bucket: await createTestBucket(real), prefix }
}

function sealed({
  accessKeyId,
  secretAccessKey,
}: {
  accessKeyId: string
  secretAccessKey: string
}) {
  return { accessKeyId, secretAccessKey: new Secret(secretAccessKey) }
}
