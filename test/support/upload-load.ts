import { setTimeout as pause } from 'node:timers/promises'

/** A way to ask a gateway, in this process or over the network. */
export type Caller = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<Response>

/** What became of one request for an upload. */
export interface UploadAnswer {
  /** 0: there was no answer at all. */
  readonly status: number
  /** What was granted; `undefined` where nothing was. */
  readonly uploadId: string | undefined
  /** The problem's code, of a refusal. */
  readonly code: string | undefined
  /** When the answer came, and how long it took, in milliseconds. */
  readonly atMs: number
  readonly tookMs: number
}

/** How an upload is asked for; `name` becomes part of its key. */
export function uploadOf(name: string, sizeBytes = 1): Record<string, unknown> {
  return { bucket: 'media', key: `acme/alice/${name}`, sizeBytes, contentType: 'text/plain' }
}

/** Asks for one upload, of one byte unless a size is given. */
export async function askUpload(
  call: Caller,
  name: string,
  headers: Record<string, string> = {},
  sizeBytes = 1,
): Promise<UploadAnswer> {
  const startMs = performance.now()
  const [status, body] = await call('POST', '/v1/uploads', uploadOf(name, sizeBytes), headers).then(
    async (response) => [response.status, (await response.json()) as AnswerBody] as const,
    () => [0, {} as AnswerBody] as const,
  )
  const atMs = performance.now()
  const uploadId = body.request === undefined ? undefined : body.id
  return { status, uploadId, code: body.code, atMs, tookMs: atMs - startMs }
}

interface AnswerBody {
  readonly id?: string
  readonly request?: unknown
  readonly code?: string
}

/** Requests that go on until they are stopped. */
export interface UploadLoad {
  /** All answers so far, in the order in which they came. */
  readonly answers: readonly UploadAnswer[]
  /** Answers of a status so far. */
  count(status: number): number
  /** Ids of all uploads that were granted. */
  granted(): string[]
  /** Lets the last requests end. */
  stop(): Promise<void>
}

/** Between two requests of a worker, in milliseconds: a refusal is quick and would flood the machine. */
const PACE_MS = 5

/** Keeps some requests under way, over all callers in turn; every key is asked for once. */
export function keepAsking(callers: readonly Caller[], workers = 16): UploadLoad {
  const answers: UploadAnswer[] = []
  let stopped = false
  let asked = 0
  const work = async () => {
    while (!stopped) {
      asked += 1
      const call = callers[asked % callers.length]
      if (call === undefined) return
      answers.push(await askUpload(call, `load-${asked}`))
      await pause(PACE_MS)
    }
  }
  const working = Array.from({ length: workers }, work)
  return {
    answers,
    count: (status) => answers.filter((answer) => answer.status === status).length,
    granted: () => answers.flatMap(({ uploadId }) => (uploadId === undefined ? [] : [uploadId])),
    async stop() {
      stopped = true
      await Promise.all(working)
    },
  }
}
