import type { Hono } from 'hono'
import { lazily } from '../lazily.ts'
import type { OpenApi } from './openapi.ts'
import type { RouteDescription, Variables } from './route.ts'

/**
 * Serves what describes the routes: the document at `/openapi.json`, and with `docs` a page for people at
 * `/docs`. The document is made when it is first asked for, and kept.
 */
export function registerDescription(
  app: Hono<{ Variables: Variables; Bindings: object }>,
  routes: readonly RouteDescription[],
  { docs = false }: { readonly docs?: boolean } = {},
): void {
  const document = lazily(async (): Promise<OpenApi> => {
    const { createOpenApi } = await import('./openapi.ts')
    return createOpenApi(routes)
  })
  app.get('/openapi.json', async (http) => http.json(await document()))
  if (!docs) return
  app.get('/docs', async () => {
    const { docsPage } = await import('./docs-page.ts')
    return docsPage(await document())
  })
}
