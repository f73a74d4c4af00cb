import type { FormGrant } from '../../src/signing/form-grant.ts'
import type { PartGrant } from '../../src/signing/part-grants.ts'

/** What a client sends with a grant, read from the grant itself. */
export interface Put {
  readonly rid: string
  readonly key: string
  readonly sizeBytes: number
  /** From the URL: until when, by the store's own clock, a transfer may begin. */
  readonly urlExpMs: number
  readonly headers: Readonly<Record<string, string>>
}

/** What a form lets in; its `sizeBytes` is the most that it does. */
export interface Form extends Put {
  readonly minBytes: number
}

/** One part of an upload, as its URL names it. */
export interface Part {
  /** Reservation that it belongs to. */
  readonly rid: string
  readonly key: string
  readonly uploadId: string
  readonly partNumber: number
  readonly sizeBytes: number
  readonly urlExpMs: number
}

const STORE_ORIGIN = 'https://store.test'

/** Reads a signed PUT as a client does. */
export function putOf(rid: string, sizeBytes: number, url: string, headers: Put['headers']): Put {
  return { rid, sizeBytes, headers, ...targetOf(url) }
}

/** Reads the URLs of parts. */
export function partsOf(rid: string, parts: readonly PartGrant[]): Part[] {
  return parts.map(({ partNumber, sizeBytes, request }) => {
    const url = request.url.reveal()
    const uploadId = /[?&]uploadId=([^&]+)/.exec(url)?.[1] ?? ''
    const named = Number(/[?&]partNumber=(\d+)/.exec(url)?.[1])
    if (named !== partNumber) throw new Error('a part has the URL of another one')
    return { rid, partNumber, sizeBytes, uploadId, ...targetOf(url) }
  })
}

/** Reads a form: its policy says how large the file may be, and how long. */
export function formOf(rid: string, { fields, url }: FormGrant): Form {
  const { key = '', policy = '', ...others } = fields.reveal()
  const { expiration, conditions } = JSON.parse(atob(policy)) as {
    expiration: string
    conditions: readonly unknown[]
  }
  const range = conditions.find(
    (condition) => Array.isArray(condition) && condition[0] === 'content-length-range',
  ) as readonly [string, number, number]
  return {
    rid,
    key: `${url.slice(STORE_ORIGIN.length + 1)}/${key}`,
    minBytes: range[1],
    sizeBytes: range[2],
    urlExpMs: Date.parse(expiration),
    headers: others,
  }
}

/** Key at the store, and when the URL ends. */
function targetOf(url: string): Pick<Put, 'key' | 'urlExpMs'> {
  const date = /[?&]X-Amz-Date=(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/.exec(url)
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = (date ?? [])
    .slice(1)
    .map(Number)
  const expires = Number(/[?&]X-Amz-Expires=(\d+)/.exec(url)?.[1])
  const signedAtMs = Date.UTC(year, month - 1, day, hour, minute, second)
  const key = url.slice(STORE_ORIGIN.length + 1, url.indexOf('?'))
  return { key, urlExpMs: signedAtMs + expires * 1000 }
}
