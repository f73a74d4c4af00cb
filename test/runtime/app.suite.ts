import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EVENT_SECRET } from '../stores/events/events-fixture.ts'
import { cephStore, createTestBucket, embeddedStore } from '../support/stores/stores-under-test.ts'
import { openTemporaryDirectory } from '../support/stores/temporary-directory.ts'
import { CANARY } from '../support/test-config.ts'
import { describeAdmin } from './suite/admin.ts'
import {
  type GatewayUnderTest,
  put,
  type RunningGateway,
  underTest,
} from './suite/gateway-under-test.ts'
import { describeLimits } from './suite/limits.ts'
import { describeObjects } from './suite/objects.ts'
import { describeParts } from './suite/parts.ts'
import { describeRefusals } from './suite/refusals.ts'
import { describeService, type LeftUploads } from './suite/service.ts'
import { type SuiteKeeping, suiteSettings } from './suite/settings.ts'
import { describeStopping } from './suite/stopping.ts'
import { describeUploads } from './suite/uploads.ts'

/** An error of ours in the log, one that nobody caught, or what workerd says of work across requests. */
const UNEXPECTED =
  /"level":"error"|InternalError|uncaught|unhandled|on behalf of a different request|will never/i

/** A runtime as the suite needs it. */
export interface SuiteRuntime {
  readonly name: string
  /** Whether the audit log that `keeping` names can be asked. */
  readonly readsAudit: boolean
  /** Where a gateway of this runtime keeps its state and its audit log; the folder goes with the test. */
  keeping(directory: string): SuiteKeeping
  /** Starts a gateway of these settings and waits until it is ready. */
  start(
    settings: Readonly<Record<string, unknown>>,
    directory: string,
  ): Promise<RunningGateway & AsyncDisposable>
}

/**
 * Describes a gateway from outside: what clients, stores and operators rely on, over HTTP alone, with real
 * objects in a real store. The same on every runtime, whatever the gateway keeps its ledger in.
 */
export function describeGateway(runtime: SuiteRuntime): void {
  describe(`a gateway on ${runtime.name}`, () => {
    const closing = new AsyncDisposableStack()
    let gateway: GatewayUnderTest
    let left: LeftUploads = { unsettled: '', settledKey: '' }
    const suite = () => gateway

    beforeAll(async () => {
      const store = cephStore() ?? embeddedStore()
      const storeBucket = await createTestBucket(store)
      const directory = await openTemporaryDirectory()
      closing.defer(directory.close)
      const { settings, keys } = suiteSettings(store, storeBucket, runtime.keeping(directory.path))
      const running = closing.use(await runtime.start(settings, directory.path))
      gateway = underTest({ ...running, store, storeBucket, keys })
      // First of all: the sweeper looks some seconds after the end of a grant, and others go on meanwhile.
      const brief = { expiresInSeconds: 4 }
      const unsettled = await gateway.create('left', brief, { who: 'late/hugo' })
      expect(await put(unsettled)).toBe(200)
      const settled = await gateway.uploaded('left', brief, { who: 'brief/gina' })
      left = { unsettled: unsettled.id, settledKey: settled.key }
    })
    afterAll(() => closing.disposeAsync())

    describeRefusals(suite)
    describeUploads(suite)
    describeParts(suite)
    describeObjects(suite)
    describeLimits(suite)
    describeService(suite, () => left)
    describeAdmin(suite, runtime)

    it('has written no secret, no key and no signed URL', () => {
      const text = gateway.written()
      const { credentials } = gateway.store
      const secrets = [
        CANARY,
        EVENT_SECRET,
        ...Object.values(credentials).map(({ secretAccessKey }) => secretAccessKey),
        ...[...gateway.keys.values()].map((key) => key.slice(-40)),
        'X-Amz-Signature',
      ]
      expect(text.length).toBeGreaterThan(0)
      expect(secrets.filter((secret) => text.includes(secret))).toEqual([])
    })

    it('has met nothing that nobody has thought of', () => {
      const lines = gateway.written().split('\n')
      expect(lines.filter((line) => UNEXPECTED.test(line))).toEqual([])
    })

    describeStopping(suite)
  })
}
