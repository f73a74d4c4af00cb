/** What of `cloudflare:workers` is used here. Source: https://developers.cloudflare.com/workers/runtime-apis/ */
declare module 'cloudflare:workers' {
  /** The life of one request, alarm or object. */
  export interface ExecutionContext {
    /** Keeps it alive until the promise is settled, also when the client is gone. */
    waitUntil(promise: Promise<unknown>): void
  }

  export type SqlStorageValue = ArrayBuffer | string | number | null

  export interface SqlStorageCursor
    extends IterableIterator<Readonly<Record<string, SqlStorageValue>>> {
    toArray(): Readonly<Record<string, SqlStorageValue>>[]
  }

  export interface DurableObjectStorage {
    readonly sql: {
      exec(query: string, ...bindings: unknown[]): SqlStorageCursor
    }
    transactionSync<Result>(work: () => Result): Result
    /** Milliseconds since 1970. One alarm at a time: a later call replaces it. */
    setAlarm(atMs: number): Promise<void>
    getAlarm(): Promise<number | null>
  }

  export interface DurableObjectState extends ExecutionContext {
    readonly storage: DurableObjectStorage
  }

  export interface DurableObjectNamespace<Stub> {
    getByName(name: string): Stub
  }

  export interface Queue {
    sendBatch(
      messages: Iterable<{ readonly body: unknown; readonly contentType?: 'json' }>,
    ): Promise<unknown>
  }

  export class DurableObject<Bindings> {
    constructor(ctx: DurableObjectState, env: Bindings)
    protected readonly ctx: DurableObjectState
    protected readonly env: Bindings
  }
}
