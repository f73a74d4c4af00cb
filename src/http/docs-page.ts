import type { OpenApi, OpenApiOperation } from './openapi.ts'

const STYLE = `
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff }
  code, pre { font: 13px/1.5 ui-monospace, monospace } pre { background: #f4f4f6; padding: 1rem; overflow: auto; border-radius: 6px }
  summary { cursor: pointer; padding: .5rem 0 } .method { display: inline-block; min-width: 4.5rem; font-weight: 600 }
  table { border-collapse: collapse } td { padding: .15rem 1rem .15rem 0; vertical-align: top }
  @media (prefers-color-scheme: dark) { body { color: #ddd; background: #18181b } pre { background: #27272a } a { color: #8ab4f8 } }
`

/** The API as one static page: no script, no other host. Rendered from the OpenAPI document. */
export function docsPage(openApi: OpenApi): Response {
  const operations = Object.entries(openApi.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => section(method, path, operation)),
  )
  const page = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(openApi.info.title)} API</title><style>${STYLE}</style></head><body>
<h1>${escapeHtml(openApi.info.title)} API</h1><p>${escapeHtml(openApi.info.description)}</p>
<p>Send <code>Authorization: Bearer &lt;API key&gt;</code>. Errors are
<code>application/problem+json</code>. The whole description: <a href="/openapi.json">/openapi.json</a>.</p>
${operations.join('\n')}
</body></html>`
  return new Response(page, {
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy':
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
      'referrer-policy': 'no-referrer',
    },
  })
}

function section(method: string, path: string, operation: OpenApiOperation): string {
  const { summary, responses, requestBody, parameters } = operation
  const rows = Object.entries(responses).map(
    ([status, { description }]) =>
      `<tr><td><code>${escapeHtml(status)}</code></td><td>${escapeHtml(description)}</td></tr>`,
  )
  return `<details><summary><code class="method">${escapeHtml(method.toUpperCase())}</code>
<code>${escapeHtml(path)}</code> ${escapeHtml(summary)}</summary>
${json('Parameters', parameters)}${json('Body', requestBody)}
<table>${rows.join('')}</table></details>`
}

function json(title: string, value: unknown): string {
  if (value === undefined) return ''
  return `<p>${title}</p><pre>${escapeHtml(JSON.stringify(value, null, 2))}</pre>`
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
