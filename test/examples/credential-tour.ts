import { probeStore } from '../../src/gateway/probe/store.ts'
import { nodeMd5 } from '../../src/runtime/node-hashing.ts'
import type { ProbeReport } from '../../src/stores/probe-report.ts'
import { createStoreClient } from '../../src/stores/s3-client.ts'
import type { SendRequest } from '../../src/stores/signed-call.ts'
import type { CreatedForm } from '../gateway/form-fixture.ts'
import type { Created } from '../gateway/gateway-on-store.ts'
import type { CreatedParts } from '../gateway/multipart-fixture.ts'
import { postAdmin } from '../support/admin-call.ts'
import type { StoreCredential } from '../support/stores/store-script.ts'
import { TestClock } from '../support/test-clock.ts'
import {
  openTestGateway,
  type TestGateway,
  type TestGatewayOptions,
} from '../support/test-gateway.ts'
import { operationOf, S3_ACTIONS, type StoreOperation } from './store-operations.ts'

/** What a key pair of a store is for. */
export const USES = ['write', 'read', 'manage'] as const

export type Use = (typeof USES)[number]

export interface TouredStore {
  readonly endpoint: string
  readonly region: string
  readonly provider: string
  /** The store's own bucket. */
  readonly bucket: string
  readonly credentials: Readonly<Record<Use, StoreCredential>>
}

/** What a tour has shown. */
export interface Tour {
  /** What the store let each key pair do. */
  readonly allowed: Readonly<Record<Use, ReadonlySet<StoreOperation>>>
  readonly report: ProbeReport
  /** What each step of callers was answered, by name. */
  readonly answers: Readonly<Record<string, number>>
}

/**
 * Opens a gateway on a store with three key pairs, probes it, does all that it and its callers do, and
 * notes what the store let each key pair do.
 */
export async function tour(store: TouredStore): Promise<Tour> {
  const allowed = {
    write: new Set<StoreOperation>(),
    read: new Set<StoreOperation>(),
    manage: new Set<StoreOperation>(),
  }
  const send = noting(store, allowed)
  const report = await probed(store, send)
  return { allowed, report, answers: await callersOn(store, report.capabilities, send) }
}

/** What callers and operators are answered on a store of which so much is known, by step. */
export async function callersOn(
  store: TouredStore,
  capabilities: ProbeReport['capabilities'],
  send: SendRequest = fetch,
): Promise<Readonly<Record<string, number>>> {
  const gateway = await opened(store, send, capabilities)
  try {
    return await callers(gateway, send)
  } finally {
    await gateway.close()
  }
}

/** Actions of a policy that were needed, sorted. */
export function actionsOf(operations: ReadonlySet<StoreOperation>): readonly string[] {
  return [...new Set([...operations].map((operation) => S3_ACTIONS[operation]))].sort(byText)
}

/** Orders names by their code units. */
export function byText(a: string, b: string): number {
  return a < b ? -1 : 1
}

/** Carries requests, and notes by whom what was allowed. Forms carry their key pair in the body. */
function noting(
  { credentials }: TouredStore,
  allowed: Record<Use, Set<StoreOperation>>,
): SendRequest {
  return async (url, init) => {
    const response = await fetch(url, init)
    const said = signerOf(url, init)
    const use = USES.find((name) => said.includes(`${credentials[name].accessKeyId}/`))
    if (response.ok && use !== undefined) allowed[use].add(operationOf(init.method ?? 'GET', url))
    return response
  }
}

function signerOf(url: string, { headers, body }: RequestInit): string {
  const inForm = body instanceof FormData ? body.get('x-amz-credential') : undefined
  const inHeader = new Headers(headers).get('authorization') ?? ''
  const inQuery = new URL(url).searchParams.get('X-Amz-Credential') ?? ''
  return `${inHeader} ${inQuery} ${typeof inForm === 'string' ? inForm : ''}`
}

async function probed(store: TouredStore, send: SendRequest): Promise<ProbeReport> {
  const gateway = await opened(store, send, {})
  try {
    const [placement] = gateway.context.config.buckets.get('media')?.placements ?? []
    if (placement === undefined) throw new Error('no placement')
    return await probeStore(gateway.context, send, placement)
  } finally {
    await gateway.close()
  }
}

function opened(
  { endpoint, region, provider, bucket, credentials }: TouredStore,
  send: SendRequest,
  capabilities: NonNullable<TestGatewayOptions['store']>,
): Promise<TestGateway> {
  return openTestGateway({
    clock: new TestClock(Date.now()),
    store: { endpoint, region, provider, credentials, capabilities },
    bucket: { placements: [{ store: 'main', bucket }] },
    allow: {
      'acme/alice': [{ operations: ['upload', 'download', 'list', 'delete', 'multipart'] }],
    },
    overrides: { storeClient: createStoreClient({ fetch: send, md5: nodeMd5 }) },
  })
}

/** What callers and operators do, by every way in and out. */
async function callers(gateway: TestGateway, send: SendRequest): Promise<Record<string, number>> {
  const answers: Record<string, number> = {}
  const note = async (step: string, response: Response) => {
    answers[step] = response.status
    return response
  }
  const call = async (step: string, method: string, path: string, body?: unknown) =>
    note(step, await gateway.call(method, path, body))
  const created = async <Upload>(step: string, more: object = {}) => {
    const wanted = { bucket: 'media', key: `acme/alice/${step}.jpg`, contentType: 'image/jpeg' }
    const body = { ...wanted, sizeBytes: BYTES.length, ...more }
    return (await (await call(step, 'POST', '/v1/uploads', body)).json()) as Upload
  }
  const put = async (step: string, { url, headers }: NonNullable<Created['request']>) =>
    note(step, await send(url, { method: 'PUT', headers, body: BYTES }))

  const upload = await created<Created>('put')
  if (upload.request !== undefined) await put('put at the store', upload.request)
  await call('put completed', 'POST', `/v1/uploads/${upload.id}/complete`)

  const form = await created<CreatedForm>('form', { mode: 'post' })
  await note('form at the store', await send(form.form.url, { method: 'POST', body: bodyOf(form) }))
  await call('form completed', 'POST', `/v1/uploads/${form.id}/complete`)

  const parts = await created<CreatedParts>('parts', { mode: 'multipart' })
  for (const { request } of parts.multipart.parts) await put('part at the store', request)
  await call('parts completed', 'POST', `/v1/uploads/${parts.id}/complete`)
  const given = await created<CreatedParts>('given up', { mode: 'multipart' })
  await call('parts aborted', 'DELETE', `/v1/uploads/${given.id}`)

  const object = { bucket: 'media', key: upload.key }
  const download = await call('download', 'POST', '/v1/downloads', object)
  const { request } = (await download.json()) as Created
  if (request !== undefined) {
    await note('download at the store', await send(request.url, { method: 'GET' }))
  }
  const path = `/v1/objects/media/${upload.key}`
  await call('head', 'HEAD', path)
  await call('list', 'GET', '/v1/objects/media?prefix=acme/alice/')
  await call('delete', 'DELETE', path)
  await call('head of nothing', 'HEAD', path)

  const cors = { origins: ['https://app.example'], apply: true }
  for (const step of ['CORS', 'CORS once more']) {
    await note(step, await postAdmin(gateway, '/admin/v1/stores/main/cors', cors))
  }
  return answers
}

const BYTES = new Uint8Array(1_000)

function bodyOf({ form }: CreatedForm): FormData {
  const body = new FormData()
  for (const [name, value] of Object.entries(form.fields)) body.append(name, value)
  body.append(form.fileField, new Blob([BYTES]), 'cat.jpg')
  return body
}
