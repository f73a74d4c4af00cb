import { join } from 'node:path'
import { bundleWorker } from '../../../deploy/cloudflare/bundle-worker.ts'
import { openDurableObjectsLedger, type RemoteLedger } from '../../../src/ledger/durable-objects.ts'
import type { Ledger } from '../../../src/ledger/port.ts'
import { openDurableObjectState, type RemoteState } from '../../../src/state/durable-objects.ts'
import type { StateStore } from '../../../src/state/port.ts'
import { startWorker, type WorkerProcess } from '../worker-process.ts'
import type { ContractCall } from './contract-worker.ts'

const ENTRY = join(import.meta.dirname, 'contract-worker.ts')

/** Objects of a real workerd, asked from here as from a worker. */
export interface ObjectsOnWorkerd extends AsyncDisposable {
  readonly process: WorkerProcess
  /** A method of an object, by the object's name. */
  call(object: string, method: string, ...values: unknown[]): Promise<unknown>
  /** A ledger whose partitions are objects of names that begin so. */
  ledger(name: string): Ledger
  state(name: string): StateStore
}

/** Starts workerd on a folder: what an earlier one has left there is found again. */
export async function startObjects(program: string, folder: string): Promise<ObjectsOnWorkerd> {
  const process = await startWorker({
    program,
    folder,
    modules: await bundleWorker({ entry: ENTRY, name: 'contract', minify: false }),
    objects: { OBJECTS: 'ClockedObject' },
  })
  const url = process.urls.get('default') ?? ''
  async function call(object: string, method: string, ...values: unknown[]): Promise<unknown> {
    // JSON would make null of it.
    const given = values.at(-1) === undefined ? values.slice(0, -1) : values
    const wanted: ContractCall = { object, method, values: given }
    const answer = await fetch(url, { method: 'POST', body: JSON.stringify(wanted) })
    const told = (await answer.json()) as { value?: unknown; thrown?: string }
    if (told.thrown !== undefined) throw new Error(told.thrown)
    return told.value
  }
  const remote = (object: string) =>
    new Proxy({} as RemoteLedger & RemoteState, {
      get:
        (_, method) =>
        (...values: unknown[]) =>
          call(object, String(method), ...values),
    })
  return {
    process,
    call,
    ledger: (name) =>
      openDurableObjectsLedger({
        objectOf: (partition) => remote(`${name}-${partition}`),
        salt: () => 'salt',
      }),
    state: (name) => openDurableObjectState(() => remote(name)),
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
  }
}
