import { readFile } from 'node:fs/promises'
import { beforeAll, describe, expect, it } from 'vitest'

/**
 * Variables of nginx that hold a query, or a header that can hold one or a credential
 * (ngx_http_core_module, "Embedded Variables").
 */
const TELLTALE =
  /^(?:request|request_uri|args|query_string|is_args|arg_\w+|http_\w+|sent_http_\w+)$/
const SAFE = ['remote_addr', 'time_iso8601', 'request_method', 'uri', 'status', 'body_bytes_sent']

let lines: string[]
beforeAll(async () => {
  const text = await readFile('config/examples/proxy.conf', 'utf8')
  lines = text.split('\n').map((line) => line.replace(/(?:^|\s)#.*$/, '').trim())
})

/** The arguments of a directive, wherever it stands. */
function given(directive: string): string[] {
  const text = lines.join('\n')
  const pattern = new RegExp(`(?:^|\\n)${directive}\\s+([^;]+);`, 'g')
  return [...text.matchAll(pattern)].map(([, value]) => value ?? '')
}

describe('the example of a proxy in front', () => {
  it('L03 logs no variable that a signature could be in', () => {
    const formats = given('log_format')
    expect(formats).toHaveLength(1)
    const variables = [...(formats[0] ?? '').matchAll(/\$\{?(\w+)/g)].map(([, name]) => name ?? '')
    expect(variables).toEqual(expect.arrayContaining(SAFE))
    expect(variables.filter((name) => TELLTALE.test(name))).toEqual([])
  })

  it('L03 logs by that format alone, and no requests among the errors', () => {
    const servers = lines.filter((line) => line === 'server {').length
    expect(servers).toBe(2)
    const access = given('access_log').map((value) => value.split(/\s+/)[1])
    expect(access).toEqual(new Array(servers).fill('signet'))
    const errors = given('error_log').map((value) => value.split(/\s+/)[1])
    expect(errors).toEqual(new Array(servers).fill('crit'))
  })

  it('L03 passes path and query on as they are, and the address to be trusted with', () => {
    // With a path of its own in it nginx would write the path anew, decoded.
    for (const target of given('proxy_pass')) expect(target).toMatch(/^http:\/\/[^/]+$/)
    const headers = given('proxy_set_header')
    expect(headers).toContain('X-Forwarded-For $proxy_add_x_forwarded_for')
    expect(headers).toContain('Host $http_host')
  })
})
