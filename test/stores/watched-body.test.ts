import { describe, expect, it } from 'vitest'
import { watchedBody } from '../../src/stores/watched-body.ts'

type Chunk = Uint8Array<ArrayBuffer>

function fixture() {
  const timeout = new AbortController()
  const ends: boolean[] = []
  let source: ReadableStreamDefaultController<Chunk> | undefined
  const stream = new ReadableStream<Chunk>({
    start(controller) {
      source = controller
    },
  })
  const onEnd = (broke: boolean) => void ends.push(broke)
  const body = watchedBody(stream, { signal: timeout.signal, onEnd })
  return { body, source, timeout, ends }
}

describe('watchedBody', () => {
  it('tells at once where there is no body', () => {
    const ends: boolean[] = []
    const { signal } = new AbortController()
    expect(watchedBody(null, { signal, onEnd: (broke) => ends.push(broke) })).toBeNull()
    expect(ends).toEqual([false])
  })

  it('passes all bytes on, and tells when they are read, once', async () => {
    const { body, source, timeout, ends } = fixture()
    source?.enqueue(new TextEncoder().encode('hel'))
    source?.enqueue(new TextEncoder().encode('lo'))
    source?.close()
    expect(ends).toEqual([])
    expect(await new Response(body).text()).toBe('hello')
    timeout.abort()
    expect(ends).toEqual([false])
  })

  it('tells that it broke to the reader as well', async () => {
    const { body, source, ends } = fixture()
    source?.error(new Error('reset'))
    await expect(new Response(body).text()).rejects.toThrow('reset')
    expect(ends).toEqual([true])
  })

  it('can be given up, also when it has broken off by then', async () => {
    for (const hasBroken of [false, true]) {
      const { body, source, ends } = fixture()
      if (hasBroken) source?.error(new Error('reset'))
      await expect(body?.cancel()).resolves.toBeUndefined()
      expect(ends).toEqual([false])
    }
  })

  it('ends with its time: broken off when somebody was reading, and only then', async () => {
    const unread = fixture()
    unread.timeout.abort()
    expect(unread.ends).toEqual([false])
    const read = fixture()
    void read.body?.getReader().read()
    await Promise.resolve()
    read.timeout.abort()
    expect(read.ends).toEqual([true])
  })
})
