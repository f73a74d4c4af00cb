/** Settings of a test gateway: the contract's YAML as an object. Tests change single members. */
export interface TestSettings {
  readonly [name: string]: unknown
}

/** Every secret of a test gateway holds it, so that none comes out unseen (`leak-watch.ts`). */
export const CANARY = 'c4n4ry-s3cr3t'
export const TEST_PEPPER = `pepper-${CANARY}-0123456789abcdefghijkl`
export const TEST_TICKET_KEY = `ticket-key-${CANARY}-0123456789abcdefgh`
export const TEST_ADMIN_TOKEN = `Adm1n-token-${CANARY}-9f2c7e1b4a6d8053`
export const TEST_STORE_SECRET = `store-${CANARY}-0123456789abc`

/** A store of which all that signing asks for is known. Nobody listens at its endpoint. */
export const CAPABLE_STORE = {
  provider: 'generic',
  endpoint: 'http://127.0.0.1:9',
  region: 'us-east-1',
  addressing: 'path',
  credentials: { accessKeyId: 'AKIATEST', secretAccessKey: TEST_STORE_SECRET },
  // Known as it is: no gateway of a test looks for itself unless it says so.
  probe: 'manual',
  capabilities: {
    signedLength: 'yes',
    signedType: 'yes',
    writeOnce: 'if-none-match',
    ifMatch: 'quoted',
    unsignedCopySource: 'closed',
    unsignedHeaders: 'reject',
    responseOverrides: 'yes',
    checksumSha256: 'yes',
  },
}

/** Limits that no test meets by accident. */
export const ROOMY_PLAN = {
  rates: [
    { policy: 'user-requests', per: 'user', requests: 10_000, windowSeconds: 60, burst: 10_000 },
  ],
  quotas: [
    { policy: 'user-bytes-day', per: 'user', unit: 'bytes', limit: 2 ** 40, window: 'day' },
    { policy: 'tenant-stored', per: 'tenant', unit: 'stored-bytes', limit: 2 ** 40 },
    { policy: 'user-pending', per: 'user', unit: 'pending-uploads', limit: 10_000 },
  ],
}
