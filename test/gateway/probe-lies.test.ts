import { describe, expect, it } from 'vitest'
import type { Send } from '../../src/gateway/probe-sender.ts'
import { describeOnCeph, embeddedStore, storeClient } from '../support/stores/stores-under-test.ts'
import { gatewayOn, type ProbedOptions } from './probe-fixture.ts'

/** A form as it arrives. */
interface SentForm {
  readonly fields: Readonly<Record<string, string>>
  readonly policy: { readonly expiration: string; readonly conditions: readonly unknown[] }
  readonly fileBytes: number
}

/** Answers some requests itself; the store has the others. */
function answering(
  answer: (url: URL, init: RequestInit) => Response | undefined | Promise<Response | undefined>,
): Send {
  return async (url, init) => (await answer(new URL(url), init)) ?? fetch(url, init)
}

/** A request without its signature. */
function unsignedUrl(url: URL): string {
  const plain = new URL(url)
  for (const name of url.searchParams.keys()) {
    if (name.startsWith('X-Amz-')) plain.searchParams.delete(name)
  }
  return plain.href
}

const isPart = (url: URL, { method }: RequestInit) =>
  method === 'PUT' && url.searchParams.has('partNumber')
const isComplete = (url: URL, { method }: RequestInit) =>
  method === 'POST' && url.searchParams.has('uploadId')
const isForm = ({ body }: RequestInit) => body instanceof FormData
const isConditional = ({ headers }: RequestInit) => new Headers(headers).has('if-none-match')

const problem = (status: number, code: string) =>
  new Response(`<Error><Code>${code}</Code></Error>`, { status })
const unavailable = () => problem(503, 'SlowDown')
const broken = () => problem(500, 'InternalError')

async function seenOf(store: Parameters<typeof gatewayOn>[0], options: ProbedOptions) {
  await using probed = await gatewayOn(store, options)
  return await probed.probe()
}

describeOnCeph('the probe of a store that takes forms', (ceph) => {
  /** Keeps what the policy says, but for what `ignores` says; may say no and do it all the same. */
  function takingForms(ignores: (form: SentForm) => boolean, saysNo = false): Send {
    return async (url, init) => {
      const answer = await fetch(url, init)
      const { body } = init
      if (!(body instanceof FormData) || answer.ok) return answer
      const file = body.get('file')
      if (!(file instanceof Blob)) throw new Error('no file')
      const texts = [...body].filter((pair): pair is [string, string] => pair[0] !== 'file')
      const fields = Object.fromEntries(texts)
      const { key = '', policy = '' } = fields
      const form = { fields, policy: JSON.parse(atob(policy)), fileBytes: file.size }
      if (!ignores(form)) return answer
      const sent = await file.arrayBuffer()
      const object = `${url}/${key}`
      const stored = await storeClient(ceph).fetch(object, { method: 'PUT', body: sent })
      return saysNo ? answer : stored
    }
  }
  const holds = ({ policy }: SentForm, condition: object) =>
    JSON.stringify(policy.conditions).includes(JSON.stringify(condition))
  const keyOf = ({ fields: { key } }: SentForm) => key
  const added = { 'x-amz-meta-added': 'yes' }

  it.each<[string, (form: SentForm) => boolean]>([
    ['whatever the policy says', () => true],
    ['with a field more', (form) => 'x-amz-meta-added' in form.fields && !holds(form, added)],
    ['with an ACL', ({ fields: { acl } }) => acl === 'public-read'],
    ['with another type', ({ fields }) => fields['Content-Type'] === 'text/html'],
    ['with other metadata', ({ fields }) => fields['x-amz-meta-probe'] === 'changed'],
    ['above the range', ({ fileBytes }) => fileBytes > 5],
    ['below the range', ({ fileBytes }) => fileBytes < 5],
    ['under another key', (form) => !holds(form, ['eq', '$key', keyOf(form)])],
    ['with a forged policy', (form) => holds(form, added)],
    ['after their end', ({ policy }) => Date.parse(policy.expiration) < Date.now()],
    ['without the ticket', ({ fields }) => !('x-amz-meta-signet' in fields)],
    ['without the type', ({ fields }) => !('Content-Type' in fields)],
  ])('finds that it has no policy where it takes them %s', async (_, ignores) => {
    const seen = await seenOf(ceph, { send: takingForms(ignores) })
    expect(seen).toMatchObject({ postPolicy: 'no', multipart: 'yes', signedLength: 'yes' })
  })

  it('finds that one which refuses a form and stores its file has none', async () => {
    const send = takingForms(() => true, true)
    expect(await seenOf(ceph, { send })).toMatchObject({ postPolicy: 'no' })
  })

  it('finds that one which takes the right form and stores nothing has none', async () => {
    let forms = 0
    const send = answering((_, init) =>
      isForm(init) && forms++ === 0 ? new Response(null, { status: 204 }) : undefined,
    )
    expect(await seenOf(ceph, { send })).toMatchObject({ postPolicy: 'no' })
  })

  it.each([405, 412, 501])('finds that %i to a form is no', async (status) => {
    const send = answering((_, init) => (isForm(init) ? problem(status, 'None') : undefined))
    expect(await seenOf(ceph, { send })).toMatchObject({ postPolicy: 'no', multipart: 'yes' })
  })
})

describeOnCeph('the probe of a store that takes parts', (ceph) => {
  it('finds that it is of no use where a part may have another length than was signed', async () => {
    const send = answering((url, init) => {
      if (!isPart(url, init) || !(init.body instanceof Uint8Array)) return undefined
      if (init.body.length !== 6) return undefined
      return storeClient(ceph).fetch(unsignedUrl(url), { method: 'PUT', body: 'hello!' })
    })
    const seen = await seenOf(ceph, { send })
    expect(seen).toMatchObject({ multipart: 'no', writeOnceMultipart: 'no', postPolicy: 'yes' })
  })

  it('finds that it is of no use where an aborted upload goes on', async () => {
    const send: Send = async (url, init) => {
      const answer = await fetch(url, init)
      return isPart(new URL(url), init) && answer.status === 404 ? new Response('') : answer
    }
    expect(await seenOf(ceph, { send })).toMatchObject({ multipart: 'no' })
  })

  it.each<[string, (url: URL, init: RequestInit) => boolean, () => Response]>([
    ['no upload can begin', (url) => url.searchParams.has('uploads'), () => problem(501, 'None')],
    [
      'parts cannot be listed',
      (url, { method }) => method === 'GET' && url.searchParams.has('uploadId'),
      () => problem(405, 'MethodNotAllowed'),
    ],
    [
      'completing does nothing',
      isComplete,
      () =>
        new Response(
          '<CompleteMultipartUploadResult><ETag>"e"</ETag></CompleteMultipartUploadResult>',
        ),
    ],
  ])('finds that it is of no use where %s', async (_, isAsked, answer) => {
    const ownCalls = answering((url, init) => (isAsked(url, init) ? answer() : undefined))
    const seen = await seenOf(ceph, { ownCalls })
    expect(seen).toMatchObject({ multipart: 'no', writeOnceMultipart: 'no', signedLength: 'yes' })
  })

  it('finds the copy hole of parts where a plain PUT has none', async () => {
    const closing =
      (isClosed: (url: URL, init: RequestInit) => boolean): Send =>
      async (url, init) => {
        const headers = new Headers(init.headers)
        if (isClosed(new URL(url), init)) {
          for (const name of ['x-amz-copy-source', 'x_amz_copy_source']) headers.delete(name)
        }
        return fetch(url, { ...init, headers })
      }
    const partsOnly = await seenOf(ceph, { send: closing((url, init) => !isPart(url, init)) })
    expect(partsOnly).toMatchObject({ unsignedCopySource: 'open', multipart: 'yes' })
    const none = await seenOf(ceph, { send: closing(() => true) })
    expect(none).toMatchObject({ unsignedCopySource: 'closed', multipart: 'yes' })
  })

  it('finds the copy hole where only its other spelling is open', async () => {
    const send: Send = (url, init) => {
      const headers = new Headers(init.headers)
      headers.delete('x-amz-copy-source')
      return fetch(url, { ...init, headers })
    }
    expect(await seenOf(ceph, { send })).toMatchObject({ unsignedCopySource: 'open' })
  })

  it('finds write-once on completing where it is kept, and only there', async () => {
    const completing = (
      refuses: (isThere: boolean, forward: () => Promise<Response>) => Promise<boolean>,
    ): Send =>
      answering(async (url, init) => {
        if (!isComplete(url, init) || !isConditional(init)) return undefined
        const object = `${url.origin}${url.pathname}`
        const { ok } = await storeClient(ceph).fetch(object, { method: 'HEAD' })
        const forward = () => fetch(url.href, init)
        return (await refuses(ok, forward)) ? problem(412, 'PreconditionFailed') : undefined
      })
    const on = async (send: Send) => (await seenOf(ceph, { ownCalls: send })).writeOnceMultipart
    expect(await on(completing(async (isThere) => isThere))).toBe('yes')
    expect(await on(completing(async () => true))).toBe('no')
    const refusesAfterwards = completing(
      async (isThere, forward) => isThere && (await forward()).ok,
    )
    expect(await on(refusesAfterwards)).toBe('no')
  })
})

describe('the probe of a store that takes headers which nobody signed', () => {
  it.each([['x-amz-meta-added', 'reject']])(
    'finds what %s alone makes of it: %s',
    async (taken, unsignedHeaders) => {
      const send: Send = (url, init) => {
        const headers = new Headers(init.headers)
        // The header is part of what was signed in another step, and stays there.
        if (!new URL(url).searchParams.get('X-Amz-SignedHeaders')?.includes(taken)) {
          headers.delete(taken)
        }
        return fetch(url, { ...init, headers })
      }
      expect(await seenOf(embeddedStore(), { send })).toMatchObject({ unsignedHeaders })
    },
  )
})

describeOnCeph('the probe of a store with tags', (ceph) => {
  const hiding =
    (countToo: boolean): Send =>
    async (url, init) => {
      if (new URL(url).searchParams.has('tagging')) return problem(403, 'AccessDenied')
      const answer = await fetch(url, init)
      const headers = new Headers(answer.headers)
      if (countToo) headers.delete('x-amz-tagging-count')
      return init.method === 'HEAD' ? new Response(null, { headers }) : answer
    }

  it('counts them where it may not read them', async () => {
    const options = { send: hiding(false), capabilities: { tagging: 'no' } }
    expect(await seenOf(ceph, options)).toMatchObject({ tagging: 'yes' })
  })

  it('trusts what is expected where nothing can be seen', async () => {
    const seen = async (tagging: string) =>
      (await seenOf(ceph, { send: hiding(true), capabilities: { tagging } })).tagging
    expect(await seen('probe')).toBe('yes')
    expect(await seen('no')).toBeUndefined()
    expect(await seen('yes')).toBeUndefined()
  })
})

describe('the probe of a store with encryption', () => {
  it('finds it where HEAD shows it', async () => {
    const send: Send = async (url, init) => {
      const answer = await fetch(url, init)
      if (init.method !== 'HEAD') return answer
      return new Response(null, { headers: { 'x-amz-server-side-encryption': 'AES256' } })
    }
    expect(await seenOf(embeddedStore(), { send })).toMatchObject({ encryption: 'yes' })
  })
})

describeOnCeph('the probe of a store that is in trouble', (ceph) => {
  it('asks again after one 500, and concludes nothing from a second one', async () => {
    let answers = 0
    const once = answering((_, init) => (isForm(init) && answers++ === 0 ? broken() : undefined))
    expect(await seenOf(ceph, { send: once })).toMatchObject({ postPolicy: 'yes' })
    const always = answering((_, init) => (isForm(init) ? broken() : undefined))
    expect(await seenOf(ceph, { send: always })).not.toHaveProperty('postPolicy')
  })

  it('takes no 500 for a refusal: nobody knows what it left behind', async () => {
    const send = answering((_, { body }) => (body === 'hello!' ? broken() : undefined))
    const seen = await seenOf(ceph, { send })
    expect(seen).toMatchObject({ signedType: 'yes' })
    expect(seen).not.toHaveProperty('signedLength')
  })

  it.each<[string, ProbedOptions]>([
    ['a form', { send: answering((_, init) => (isForm(init) ? unavailable() : undefined)) }],
    [
      'the beginning of an upload',
      {
        ownCalls: answering((url) => (url.searchParams.has('uploads') ? unavailable() : undefined)),
      },
    ],
  ])('concludes nothing from a 503 to %s, and removes what it wrote', async (_, options) => {
    await using probed = await gatewayOn(ceph, options)
    expect((await probed.report()).complete).toBe(false)
    const bucket = `${ceph.endpoint}/${probed.placement.bucket}`
    for (const query of ['list-type=2', 'uploads']) {
      const left = await storeClient(ceph).fetch(`${bucket}?${query}`)
      expect(await left.text()).not.toContain('<Key>')
    }
  })
})
