import { expect } from 'vitest'
import type { Presigner } from '../../src/signing/presigner.ts'
import type { StoreClient } from '../../src/stores/store-client.ts'
import { expectRefused, type Refusal, stateOf } from './expect-refused.ts'
import {
  type CallOptions,
  openTestGateway,
  type TestGateway,
  type TestGatewayOptions,
} from './test-gateway.ts'

/** A test gateway that knows what it has signed and whom it has called. */
export interface WatchedGateway extends TestGateway {
  /**
   * A call that must be refused, and leave no trace but one audit record: the ledger as it was,
   * nothing signed, no store called. Returns the problem.
   */
  refuse(
    method: string,
    path: string,
    body: unknown,
    refusal: Refusal,
    options?: CallOptions,
  ): Promise<Record<string, unknown>>
  /** The same for an answer that came by another way, for example over a socket. */
  refused(
    send: () => Promise<Response>,
    refusal: Refusal,
    who?: { tenant: string; user: string },
  ): Promise<Record<string, unknown>>
}

const ALICE = { tenant: 'acme', user: 'alice' }

/** Opens a test gateway whose signer and store client are counted. */
export async function openWatchedGateway(
  options: TestGatewayOptions = {},
): Promise<WatchedGateway> {
  const gateway = await openTestGateway(options)
  const calls = { signed: 0, store: 0 }
  const { presigner, storeClient } = gateway.context
  Object.assign(gateway.context, {
    presigner: {
      presign(request) {
        calls.signed += 1
        return presigner.presign(request)
      },
      signPolicy(...asked) {
        calls.signed += 1
        return presigner.signPolicy(...asked)
      },
    } satisfies Presigner,
    storeClient: countedCalls(storeClient, () => {
      calls.store += 1
    }),
  })
  const refused: WatchedGateway['refused'] = async (send, refusal, who = ALICE) => {
    const before = { ...stateOf(gateway), ...calls, pending: await pendingOf(gateway) }
    const audited = gateway.audited.length
    const response = await send()
    const problem = await expectRefused(response, refusal, { gateway, before })
    expect({ ...calls }).toEqual({ signed: before.signed, store: before.store })
    expect(gateway.audited.slice(audited)).toMatchObject([
      { ...who, code: refusal.code, requestId: problem.requestId },
    ])
    expect(await pendingOf(gateway)).toBe(before.pending)
    return problem
  }
  return {
    ...gateway,
    refused,
    refuse: (method, path, body, refusal, callOptions = {}) => {
      const [tenant = '', user = ''] = (callOptions.who ?? 'acme/alice').split('/')
      return refused(() => gateway.call(method, path, body, callOptions), refusal, { tenant, user })
    },
  }
}

async function pendingOf(gateway: TestGateway): Promise<string> {
  return (await gateway.call('GET', '/v1/uploads')).text()
}

function countedCalls(client: StoreClient, onCall: () => void): StoreClient {
  return new Proxy(client, {
    get(_, name: keyof StoreClient) {
      const method: (...asked: never[]) => unknown = client[name]
      return (...asked: never[]) => {
        onCall()
        return method(...asked)
      }
    },
  })
}
