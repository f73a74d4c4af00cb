import type { ExecutionContext } from 'cloudflare:workers'
import type { WorkerBindings } from './worker-bindings.ts'
import {
  contextOf,
  doChores,
  type RequestBindings,
  tellFailure,
  type WorkerGateway,
  withContext,
} from './worker-gateway.ts'

/** Handlers as the runtime calls them. */
export interface WorkerHandler {
  fetch(request: Request, env: WorkerBindings, life: ExecutionContext): Promise<Response>
  scheduled(event: unknown, env: WorkerBindings, life: ExecutionContext): Promise<void>
}

/** Both listeners of a worker: which one a request comes to, is told by the socket or binding it comes by. */
export function serveWorker(open: (env: WorkerBindings) => Promise<WorkerGateway>): {
  readonly publicApi: WorkerHandler
  readonly admin: WorkerHandler
} {
  const begin = (env: WorkerBindings) => async () => {
    const gateway = await open(env)
    return { gateway, context: contextOf(gateway, env) }
  }

  function handler(which: 'app' | 'admin'): WorkerHandler {
    return {
      async fetch(request, env, life) {
        const bindings = bindingsOf(request, env)
        try {
          return await withContext(life, begin(env), async (gateway) => {
            const app = which === 'admin' ? await gateway.admin() : gateway.app
            return app.fetch(request, bindings)
          })
        } catch (error) {
          // The application answers for its own errors: there is none.
          tellFailure(error)
          return notServing()
        }
      },
      async scheduled(_, env, life) {
        await withContext(life, begin(env), doChores)
      },
    }
  }

  return { publicApi: handler('app'), admin: handler('admin') }
}

function bindingsOf(request: Request, { SIGNET_ADDRESS_HEADER: name }: WorkerBindings) {
  // Plain workerd binds null to what its environment lacks.
  const remoteAddress = typeof name !== 'string' ? null : request.headers.get(name)
  const bindings: RequestBindings = remoteAddress === null ? {} : { remoteAddress }
  return bindings
}

function notServing(): Response {
  const problem = {
    type: 'about:blank',
    title: 'Internal error',
    status: 500,
    code: 'InternalError',
    requestId: crypto.randomUUID(),
  }
  return Response.json(problem, {
    status: 500,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
  })
}
