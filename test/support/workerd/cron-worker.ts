import type { ExecutionContext } from 'cloudflare:workers'
import type { WorkerBindings } from '../../../src/runtime/worker-bindings.ts'
import worker, { admin, LedgerObject } from '../../../src/runtime/workerd.ts'

/** The worker that is deployed, and a path that stands for its cron trigger: plain workerd has none. */
const triggered = {
  async fetch(request: Request, env: WorkerBindings, life: ExecutionContext): Promise<Response> {
    if (!request.url.endsWith('/cron')) return worker.fetch(request, env, life)
    await worker.scheduled({}, env, life)
    return new Response()
  },
}

// biome-ignore lint/style/noDefaultExport: the runtime takes the worker itself from it
export { admin, LedgerObject, triggered as default }
